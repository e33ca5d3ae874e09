//! PromQL. (Being written in this folder by one person since 22:06; whoever needs it codes against `cepmon_alert::Evaluate`.)
