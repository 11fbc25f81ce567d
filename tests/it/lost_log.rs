//! The log's reader gone, its disk full, or nobody reading: lines are lost, and nothing else.

use std::fs::OpenOptions;
use std::process::{ChildStderr, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::fake_openai::FakeOpenAi;
use crate::program::{Program, variables};
use crate::support::User;

/// Far more lines than a pipe holds.
fn talkative(upstream: &FakeOpenAi) -> Vec<(String, String)> {
    variables(upstream, &[("RUST_LOG", "trace")])
}

/// Everything works, the sweeper too, and the lines are counted; then it ends well. `reader` is given each log to read.
async fn assert_only_lines_are_lost(mut program: Program, mut reader: impl FnMut(ChildStderr)) {
    program.take_log().map(&mut reader);
    let mut user = User::new(program.addr);
    timeout(Duration::from_secs(30), user.register()).await.unwrap();
    for n in 1..=20 {
        let (status, answer) = timeout(Duration::from_secs(10), user.chat("#tokens=3")).await.unwrap();
        assert_eq!((status, &answer["data"]["remainingCredits"]), (200, &json!(100 - n)), "{answer}");
    }
    // One that fails says so in the log, where the breaker is told of it.
    assert_eq!(timeout(Duration::from_secs(10), user.chat("#status=500")).await.unwrap().0, 502);
    // Work of a server that dies is ended by the one after it, which writes a line about it.
    let mut events = user.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    events.next_named("token").await;
    program.kill();
    program.restart().await;
    program.take_log().map(&mut reader);
    let begun = Instant::now();
    while user.credits().await != json!({"available": 80, "held": 0, "debt": 0, "plan": "free"}) {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", user.credits().await);
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(user.chat("#tokens=3").await.0, 200);
    let (status, ready) = user.get_json("/readyz").await;
    assert_eq!((status, &ready["tasksDown"]), (200, &json!([])), "{ready}");
    // Some lines wait, where nobody reads; those after them are lost.
    let begun = Instant::now();
    loop {
        let metrics = user.get("/metrics").send().await.unwrap().text().await.unwrap();
        let lost = metrics.lines().find_map(|line| line.strip_prefix("tessera_log_lines_lost_total ")).unwrap();
        if lost.parse::<u64>().unwrap() > 100 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{lost}");
        for _ in 0..100 {
            user.credits().await;
        }
    }
    program.terminate();
    assert!(timeout(Duration::from_secs(20), program.ended_well()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_reader_is_gone_costs_only_lines() {
    let upstream = FakeOpenAi::start().await;
    let program = Program::start_with_log(talkative(&upstream), Stdio::piped).await;
    assert_only_lines_are_lost(program, drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_on_a_full_disk_costs_only_lines() {
    let upstream = FakeOpenAi::start().await;
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap().into();
    let program = Program::start_with_log(talkative(&upstream), full).await;
    assert_only_lines_are_lost(program, drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    let upstream = FakeOpenAi::start().await;
    let program = Program::start_with_log(talkative(&upstream), Stdio::piped).await;
    let mut unread = Vec::new();
    assert_only_lines_are_lost(program, |log| unread.push(log)).await;
}
