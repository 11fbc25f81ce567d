//! The file of prices: at the start, while the server runs, and from the command line.

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use tessera::credits::server::prices::ChatRate;
use tessera::platform::amount::Amount;
use tokio::time::sleep;

use crate::support::TestApp;

/// Runs the program in a folder with nothing but these variables.
fn tessera(folder: &TempDir, arguments: &[&str], vars: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tessera"))
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .envs([("CHAT_PROVIDERS", "openai"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), ("OPENAI_MODEL", "gpt-6")])
        .envs(vars.iter().copied())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_wrong_file_stops_the_start_with_a_line_for_each_problem() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("prices.toml"), "[chat]\nflat = 0\n[[model]]\nname = \"a\"\n").unwrap();
    for command in [&[][..], &["check"]] {
        let output = tessera(&folder, command, &[("IMAGE_TIMEOUT_SECS", "0")]);
        assert!(!output.status.success());
        let told = stderr(&output);
        assert_eq!(told.lines().count(), 3, "{told}");
        assert!(told.contains("tessera: PRICES_FILE: prices.toml:2: chat: flat: 0 is not"), "{told}");
        assert!(told.contains("tessera: PRICES_FILE: prices.toml:3: model \"a\": has no price"), "{told}");
    }
    let output = tessera(&folder, &["prices"], &[("PRICES_FILE", "mine.toml")]);
    assert_eq!(stderr(&output), "tessera: PRICES_FILE: mine.toml: is not there\n");
}

#[test]
fn what_models_cost_is_shown() {
    let folder = TempDir::new().unwrap();
    let table = stdout(&tessera(&folder, &["prices"], &[("IMAGE_CREDITS", "3")]));
    assert!(table.contains("openai    gpt-6   1 a reply   590e18fd26\n"), "{table}");
    assert!(table.contains("3 an image"), "{table}");
    fs::write(folder.path().join("prices.toml"), "[[model]]\nname = \"gpt*\"\ninput = 2.5\noutput = 10\n").unwrap();
    let table = stdout(&tessera(&folder, &["prices"], &[]));
    assert!(table.contains("openai    gpt-6   2.5 in, 10 out per million  "), "{table}");
}

#[test]
fn list_prices_come_from_a_catalogue() {
    const PRICES: &str =
        "# ours\n[credit]\nvalue = 1\n[[model]]\nname = \"gpt-6\" # the one\nlist = { input = 1, output = 9 }\n";
    let folder = TempDir::new().unwrap();
    let (prices, catalogue) = (folder.path().join("prices.toml"), folder.path().join("api.json"));
    fs::write(&catalogue, r#"{"openai": {"models": {"gpt-6": {"cost": {"input": 1.25, "output": 10}}}}}"#).unwrap();
    let without = tessera(&folder, &["prices", "import", "api.json", "--write"], &[]);
    assert_eq!(stderr(&without), "tessera: prices.toml: is not there, so there are no prices to change\n");
    fs::write(&prices, PRICES).unwrap();
    let shown = stdout(&tessera(&folder, &["prices", "import", "api.json"], &[]));
    assert!(
        shown.contains("1 → 1.25")
            && shown.contains("9 → 10")
            && shown.contains("--write would change 1 in prices.toml"),
        "{shown}"
    );
    assert_eq!(fs::read_to_string(&prices).unwrap(), PRICES);
    let unknown = tessera(&folder, &["prices", "import", "api.json", "--provider", "opnai"], &[]);
    assert_eq!(stderr(&unknown), "tessera: --provider: nobody in api.json is called \"opnai\"\n");
    for bad in ["{}", "no JSON", "{\"openai\": {\"models\": {}}"] {
        fs::write(folder.path().join("bad.json"), bad).unwrap();
        let refused = tessera(&folder, &["prices", "import", "bad.json", "--write"], &[]);
        assert!(
            !refused.status.success() && stderr(&refused).starts_with("tessera: bad.json: is n"),
            "{}",
            stderr(&refused)
        );
        assert_eq!(fs::read_to_string(&prices).unwrap(), PRICES);
    }
    let written = stdout(&tessera(&folder, &["prices", "import", "api.json", "--write"], &[]));
    assert!(written.contains("1 changed in prices.toml"), "{written}");
    let new = PRICES.replace("input = 1,", "input = \"1.25\",").replace("output = 9", "output = \"10\"");
    assert_eq!(fs::read_to_string(&prices).unwrap(), new);
    let again = stdout(&tessera(&folder, &["prices", "import", "api.json", "--write"], &[]));
    assert!(again.contains("is the same") && again.contains("Nothing changes"), "{again}");
}

#[tokio::test]
async fn prices_change_while_the_server_runs() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ours.toml");
    fs::write(&path, "[chat]\nflat = 3\n").unwrap();
    let app = TestApp::start_with(&[("PRICES_FILE", path.to_str().unwrap())]).await;
    let flat = |credits| ChatRate::Flat(Amount::credits(credits));
    let price = || app.state.credits.prices.chat("openai", "fake-model").rate;
    let outcomes = async |outcome: &str, count: u32| {
        let sample = format!("tessera_prices_reloads_total{{outcome=\"{outcome}\"}} {count}\n");
        for _ in 0..1500 {
            if app.visitor().get("/metrics").send().await.unwrap().text().await.unwrap().contains(&sample) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{sample}");
    };
    assert_eq!(price(), flat(3));
    fs::write(&path, "[chat]\nflat = 4.0\n").unwrap();
    outcomes("loaded", 1).await;
    assert_eq!(price(), flat(4));
    fs::write(&path, "[chat]\nflat = -4\n").unwrap();
    outcomes("refused", 1).await;
    assert_eq!(price(), flat(4));
    fs::write(&path, "[chat]\nflat = 5\n").unwrap();
    outcomes("loaded", 2).await;
    assert_eq!(price(), flat(5));
}
