//! deploy/grafana and deploy/prometheus ask only for metrics that there are, as a running server names them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::TestApp;

/// The names of metrics in an expression.
fn names_in(expr: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expr.split(|c| !is_part(c)).filter(|word| word.starts_with("tessera_"));
    words.map(str::to_owned).collect()
}

/// Every `expr` of the dashboard.
fn dashboard() -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let text = std::fs::read_to_string("deploy/grafana/tessera.json").unwrap();
    walk(&serde_json::from_str(&text).unwrap(), &mut found);
    found
}

/// Every `expr` of the alert rules, which are each on a line.
fn alerts() -> Vec<String> {
    let text = std::fs::read_to_string("deploy/prometheus/alerts.yml").unwrap();
    let rules = text.lines().filter(|line| line.trim_start().starts_with("- alert:")).count();
    let found: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect();
    assert_eq!(found.len(), rules);
    found
}

/// What a server counts: the name as it is described, and as its samples are called.
fn sample_names(metrics: &str) -> BTreeMap<String, Vec<String>> {
    let kinds = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let samples = |(name, kind): (&str, &str)| {
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        (name.to_owned(), endings.iter().map(|ending| format!("{name}{ending}")).collect())
    };
    kinds.map(samples).collect()
}

/// The names in the table of metrics of the documentation, which a test of the source keeps complete.
fn documented() -> BTreeSet<String> {
    let docs = std::fs::read_to_string("docs/DEPLOYMENT.md").unwrap();
    let table = docs.lines().skip_while(|line| !line.starts_with("| Metric ")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| {
        row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    });
    names.map(|name| format!("tessera_{name}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_expression_names_metrics_that_there_are() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(user.chat("Hello").await.0, 200);
    app.state.bookkeeping.at_pace(crate::closes::AT_ONCE).reconcile().await.unwrap();
    app.state.bookkeeping.close_days().await.unwrap();
    app.state.bookkeeping.at_pace(crate::closes::AT_ONCE).reconcile().await.unwrap();
    let metrics = user.get("/metrics").send().await.unwrap().text().await.unwrap();
    let live = sample_names(&metrics);
    let documented = documented();
    let (mut used, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for expr in dashboard().into_iter().chain(alerts()) {
        let names = names_in(&expr);
        assert!(!names.is_empty(), "{expr}");
        for name in names {
            let bare =
                ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
            assert!(documented.contains(bare) || documented.contains(&name), "{name} of {expr}");
            // Its kind shows where it has been counted here: a counter ends in `_total`, and so on.
            let of = live.iter().find(|(known, _)| *known == bare || name == format!("{known}_total"));
            if let Some((_, samples)) = of {
                assert!(samples.contains(&name), "{name} of {expr}: {samples:?}");
                seen.insert(name.clone());
            }
            used.insert(name);
        }
    }
    for name in ["tessera_drift", "tessera_credit_moves_total", "tessera_tasks_down", "tessera_audit_entries_total"] {
        assert!(seen.contains(name), "{name}: {seen:?}\n{metrics}");
    }
    // Nothing that is counted is left out of the dashboard.
    let missing: Vec<_> =
        documented.iter().filter(|name| !used.iter().any(|used| used.starts_with(&***name))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readyz_tells_of_storage_and_of_the_last_reconciliation() {
    let app = TestApp::start().await;
    let (_, ready) = app.visitor().get_json("/readyz").await;
    assert_eq!((ready["storage"].as_str(), ready.get("lastReconciliation")), (Some("files"), None), "{ready}");
    app.state.bookkeeping.at_pace(crate::closes::AT_ONCE).reconcile().await.unwrap();
    let (_, ready) = app.visitor().get_json("/readyz").await;
    assert_eq!(ready["lastReconciliation"]["drifts"], 0, "{ready}");
    assert!(ready["lastReconciliation"]["at"].as_str().unwrap().ends_with('Z'));
}
