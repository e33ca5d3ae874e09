//! The series that have a label pair. Most pairs of high cardinality have one series, which needs no allocation.

/// Numbers of series in the order in which they came.
#[derive(Debug, Default)]
pub(super) enum Postings {
    #[default]
    None,
    One(u32),
    Many(Vec<u32>),
}

impl Postings {
    pub(super) fn push(&mut self, number: u32) {
        match self {
            Self::None => *self = Self::One(number),
            Self::One(first) => *self = Self::Many(vec![*first, number]),
            Self::Many(numbers) => {
                if numbers.len() == numbers.capacity() {
                    // An eighth more instead of doubling, as for the lists.
                    numbers.reserve_exact(4.max(numbers.len() / 8));
                }
                numbers.push(number);
            }
        }
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }

    pub(super) fn retain(&mut self, mut is_live: impl FnMut(u32) -> bool) {
        match self {
            Self::None => {}
            Self::One(number) => {
                if !is_live(*number) {
                    *self = Self::None;
                }
            }
            Self::Many(numbers) => {
                numbers.retain(|&number| is_live(number));
                numbers.shrink_to_fit();
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::None | Self::One(_) => 0,
            Self::Many(numbers) => numbers.capacity() * size_of::<u32>(),
        }
    }
}
