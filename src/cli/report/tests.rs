#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{RunReport, chart::Chart, html};
use crate::plan::{
    Options,
    sim::{Sim, cluster},
};

fn stage(host: &str, stage: &str, at: f64, seconds: f64) -> Value {
    json!({"event": "stage", "host": host, "stage": stage, "result": "ok", "at": at, "seconds": seconds})
}

#[test]
fn a_stage_waits_for_its_last_host_and_the_same_stage_later_is_another() {
    let events = [
        stage("a", "start", 1.0, 1.0),
        stage("b", "start", 2.0, 2.0),
        json!({"event": "step", "host": "b", "stage": "start", "step": "unit x start", "result": "changed",
               "at": 1.9, "seconds": 0.4}),
        stage("a", "roll", 3.0, 1.0),
        stage("b", "roll", 4.0, 1.0),
        json!({"event": "check", "id": "V1", "host": "a", "result": "ok", "at": 5.0}),
    ];
    let chart = Chart::of(&["a", "b"], &events);
    let bands: Vec<_> = chart.bands.iter().map(|band| (band.class.as_str(), band.left, band.width)).collect();
    assert_eq!(
        bands,
        [("start", 0.0, 40.0), ("roll", 40.0, 20.0), ("roll", 60.0, 20.0), ("verify", 80.0, 20.0)]
    );
    let classes = |row: usize| chart.rows[row].bars.iter().map(|bar| bar.class.as_str()).collect::<Vec<_>>();
    assert_eq!(classes(0), ["stage ok", "stage ok critical"]);
    assert_eq!(classes(1), ["stage ok critical", "stage ok critical", "step changed"]);
    assert!(chart.rows[1].bars[2].label.starts_with("unit x start: 0.400 s"));
    assert!(chart.ticks.len() > 3 && chart.ticks.len() < 10 && chart.ticks[0].left == 0.0);
    assert!(Chart::of(&["a"], &[]).bands.is_empty());
}

fn page(hosts: usize) -> String {
    let mut yaml = "all:\n  vars: {chain: cometbft, user: ubuntu, binary: /bin/sh}\n  hosts:\n".to_owned();
    for n in 0..hosts {
        let role = if n < 4 { "validator" } else { "full" };
        writeln!(yaml, "    node-{n}: {{ansible_host: 10.0.0.{}, role: {role}}}", n + 1).unwrap();
    }
    let cluster = cluster(&yaml);
    let mut world = Sim::default();
    let outcome = world.up(&cluster, &Options::default()).unwrap();
    let mut events = Vec::new();
    for (number, node) in cluster.nodes.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)]
        let late = number as f64 / 100.0;
        events.push(stage(node.name.as_str(), "connect", 0.2 + late, 0.2));
        events.push(stage(node.name.as_str(), "start", 3.0 + late, 1.0));
        events.push(json!({"event": "plan", "host": node.name, "stage": "start", "step": "file /etc/x",
                           "why": "differs", "diff": "--- a\n+++ b\n-old\n+<script>new</script>"}));
        events.push(json!({"event": "check", "id": "V2", "host": node.name, "what": "ports", "result": "ok",
                           "expected": "p2p", "seen": "p2p", "hint": null, "journal": [], "at": 4.5}));
    }
    let failed = json!({"result": "failed", "changed": 1, "pending": ["its binary"], "error": "no route"});
    events.push(json!({"event": "summary", "result": "failed", "exit": 1, "seconds": 5.0, "at": 5.0,
                       "hosts": {"node-1": failed}, "notes": ["keep the keys"]}));
    let report = RunReport {
        cluster: &cluster,
        facts: &outcome.facts,
        events: &events,
        failure: vec!["error: node-1: no route".to_owned()],
        command: "loomctl up -i inventory.yaml -e my_password=hunter2".to_owned(),
        began: "2026-01-31T12:00:00Z".to_owned(),
    };
    html(&report).unwrap()
}

/// `LOOMCTL_PAGES`: a folder for the pages that a browser is to look at (`make test-report`).
#[test]
fn one_page_with_everything_that_needs_nothing_else() {
    for hosts in [4, 128] {
        let page = page(hosts);
        for part in [
            "node-1: no route",
            "waits: its binary",
            "keep the keys",
            "V2 ports",
            "loomctl up -i inventory.yaml",
            "2026-01-31",
            "<th>binary</th><td>cometbft ",
            "validator",
            "prefers-color-scheme: dark",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("&lt;script&gt;new") && !page.contains("<script"), "escaped");
        assert!(!page.contains("hunter2"));
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.matches("class=\"bar stage").count() == 2 * hosts);
        assert_eq!(page.matches("<circle").count(), hosts);
        let edges = page.matches("<line ").count();
        assert!(if hosts == 4 { edges == 6 } else { (hosts..hosts * 6).contains(&edges) }, "{edges}");
        assert_eq!(page.contains("<text "), hosts == 4);
        if let Some(folder) = std::env::var_os("LOOMCTL_PAGES") {
            let file = std::path::Path::new(&folder).join(format!("report-{hosts}.html"));
            std::fs::write(&file, &page).unwrap();
        }
    }
}
