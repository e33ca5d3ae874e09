//! Recording and replaying host calls, without a guest.

use serde_json::json;

use super::*;
use crate::abi::wit::types::Error;

type Read = Result<Vec<u8>, Error>;

fn read(tape: &mut Tape, path: &str) -> Option<Read> {
    match tape.begin("files.read", || (path.to_owned(),)) {
        Next::Ask => None,
        Next::Answer(answer) => Some(answer),
        Next::Never => Some(Err(Error::Timeout)),
    }
}

fn recorded(room: usize, calls: &[(&str, Read)]) -> Recorder {
    let mut tape = Tape::recording(room);
    for (path, answer) in calls {
        assert!(read(&mut tape, path).is_none(), "a recording asks the host");
        tape.answered(answer);
    }
    let Tape::Recording(recorder) = tape else { panic!("it was a recording") };
    recorder
}

fn bytes_of(answer: Option<Read>) -> Vec<u8> {
    answer.unwrap().unwrap()
}

#[test]
fn what_was_recorded_is_answered_again() {
    let answers: [(&str, Read); 3] =
        [("/a", Ok(b"text".to_vec())), ("/b", Ok(vec![0xff, 0])), ("/c", Err(Error::Unreachable("no such file".to_owned())))];
    let calls = recorded(1000, &answers).read(&Mask::default());
    assert_eq!(calls[0].with, json!(["/a"]));
    assert_eq!(calls[0].answer, Some(json!({"Ok": {"text": "text"}})));
    assert_eq!(calls[1].answer, Some(json!({"Ok": {"base64": "/wA="}})));
    assert_eq!(calls[2].answer, Some(json!({"Err": {"Unreachable": "no such file"}})));
    let text = serde_json::to_string(&calls).unwrap();
    let mut tape = Tape::replaying(&serde_json::from_str::<Vec<HostCall>>(&text).unwrap());
    assert_eq!(bytes_of(read(&mut tape, "/a")), b"text");
    assert_eq!(bytes_of(read(&mut tape, "/b")), [0xff, 0]);
    assert!(matches!(read(&mut tape, "/c"), Some(Err(Error::Unreachable(_)))));
    let Tape::Replaying(replayer) = tape else { panic!("it was a replay") };
    assert_eq!(replayer.problem(), None);
}

#[test]
fn a_call_that_differs_is_named_with_what_was_recorded() {
    let calls = recorded(1000, &[("/a", Ok(Vec::new())), ("/b", Ok(Vec::new()))]).read(&Mask::default());
    let problem = |asked: &[&str]| {
        let mut tape = Tape::replaying(&calls);
        asked.iter().for_each(|path| drop(read(&mut tape, path)));
        let Tape::Replaying(replayer) = tape else { panic!("it was a replay") };
        replayer.problem()
    };
    assert_eq!(problem(&["/a", "/b"]), None);
    let differs = "host call 2 differs: the plugin asks files.read(\"/x\"), the recording has files.read(\"/b\")";
    assert_eq!(problem(&["/a", "/x", "/b"]).unwrap(), differs);
    let more = "host call 3 is not in the recording: the plugin asks files.read(\"/c\")";
    assert_eq!(problem(&["/a", "/b", "/c"]).unwrap(), more);
    let less = "the plugin made 1 host calls, the recording has 1 more; the next one is files.read(\"/b\")";
    assert_eq!(problem(&["/a"]).unwrap(), less);
}

#[test]
fn of_two_long_calls_the_place_that_differs_is_named() {
    let long = "x".repeat(300);
    let calls = [HostCall { call: "files.read".to_owned(), with: json!([{"path": long, "more": [1, "b"]}]), answer: None }];
    let other = json!([{"path": long, "more": [1, "c"]}]);
    let want = "[0].more[1]: the plugin has \"c\", the recording \"b\"";
    assert_eq!(first_difference("", &other, &calls[0].with).unwrap(), want);
    assert_eq!(first_difference("", &other, &other), None);
    let mut tape = Tape::replaying(&calls);
    drop(read(&mut tape, "/a"));
    let Tape::Replaying(replayer) = tape else { panic!("it was a replay") };
    assert!(replayer.problem().unwrap().starts_with("host call 1, files.read, differs in its arguments[0]: the plugin has \"/a\""));
}

#[test]
fn a_call_that_never_came_back_is_kept_without_an_answer() {
    let mut tape = Tape::recording(1000);
    assert!(read(&mut tape, "/a").is_none());
    let Tape::Recording(recorder) = tape else { panic!("it was a recording") };
    let calls = recorder.read(&Mask::default());
    assert_eq!(calls[0].answer, None);
    assert!(matches!(read(&mut Tape::replaying(&calls), "/a"), Some(Err(Error::Timeout))));
}

#[test]
fn over_its_bound_a_recording_keeps_nothing_and_says_so() {
    let recorder = recorded(500, &[("/a", Ok(vec![1; 100])), ("/b", Ok(vec![1; 400])), ("/c", Ok(vec![1]))]);
    assert!(recorder.read(&Mask::default()).is_empty());
    assert_eq!(recorder.problem().unwrap(), "the host's answers were larger than 500 bytes, so none was kept");
    assert_eq!(recorded(1000, &[("/a", Ok(vec![1; 400]))]).problem(), None);
}

#[test]
fn a_secret_is_given_to_nobody_who_reads_the_tape() {
    let mut tape = Tape::recording(1000);
    assert!(matches!(tape.begin::<_, Result<String, Error>>("secrets.get", || ("db".to_owned(),)), Next::Ask));
    tape.answered(&Ok::<_, Error>("hunter22".to_owned()));
    let arguments = || (1u32, b"AUTH hunter22\r\n".to_vec(), 0u64);
    assert!(matches!(tape.begin::<_, Result<(), Error>>("tcp.write", arguments), Next::Ask));
    tape.answered(&Ok::<_, Error>(()));
    let Tape::Recording(recorder) = tape else { panic!("it was a recording") };
    let calls = recorder.read(&Mask::new(&json!({}), &[], recorder.secrets()));
    assert!(!serde_json::to_string(&calls).unwrap().contains("hunter22"));
    assert_eq!(calls[1].with, json!([1, {"text": "AUTH <secret>\r\n"}, 0]));

    // A replayed guest is given the mask, makes its request with it, and meets the recorded one.
    let mut tape = Tape::replaying(&calls);
    let Next::Answer(Ok(secret)) = tape.begin::<_, Result<String, Error>>("secrets.get", || ("db".to_owned(),)) else {
        panic!("no answer")
    };
    let arguments = || (1u32, format!("AUTH {secret}\r\n").into_bytes(), 0u64);
    assert!(matches!(tape.begin::<_, Result<(), Error>>("tcp.write", arguments), Next::Answer(Ok(()))));
}
