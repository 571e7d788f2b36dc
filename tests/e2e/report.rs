//! `up --report`: the page of a real run, and (`make test-report`) pages as a browser shows them.

use std::{fs, path::Path, process::Command};

use crate::support::{Lab, Suite, command, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_run_is_told_on_one_page]);
    if std::env::var_os("LOOMCTL_PAGES").is_some() {
        suite.plain(tests![a_browser_shows_it_light_and_dark_narrow_and_wide]);
    }
}

fn a_run_is_told_on_one_page(lab: &Lab) {
    let inventory = lab.inventory("cometbft").var("ansible_become_password", "hunter2").write(lab);
    let inventory = inventory.to_str().unwrap();
    let page = lab.path("run.html");
    let at = page.to_str().unwrap();
    let nowhere = lab.loomctl(&["up", "-i", inventory, "--report", "/nonexistent/run.html"]).exits(2);
    assert!(nowhere.stderr.contains("--report /nonexistent/run.html: its folder is not there"), "{nowhere}");
    lab.root(0, "test ! -e /var/lib/loomctl").ok();

    lab.loomctl(&["up", "-i", inventory, "--report", at]).exits(0);
    let told = fs::read_to_string(&page).unwrap();
    for part in
        ["up <span class=\"ok\">ok</span>", "--report", "V8 ", "4/4", "init /home/ubuntu/node", "+[Unit]"]
    {
        assert!(told.contains(part), "{part}");
    }
    assert!(!told.contains("hunter2") && !told.contains("http://"));
    assert_eq!((told.matches("<circle").count(), told.matches("<line ").count()), (4, 6));
    for stage in ["connect", "gather", "prepare", "start", "verify"] {
        assert!(told.contains(&format!("\">{stage}</div>")), "{stage}");
    }
    // A run that fails tells why.
    let key = "/home/ubuntu/node/config/priv_validator_key.json";
    lab.root(2, &format!("mv {key} {key}.away")).ok();
    let failed = lab.loomctl(&["up", "-i", inventory, "--report", at]).exits(3);
    let told = fs::read_to_string(&page).unwrap();
    assert!(
        told.contains("<span class=\"refused\">") && told.contains("class=\"failed\">error: node-2"),
        "{failed}"
    );
    lab.root(2, &format!("mv {key}.away {key}")).ok();
}

/// With Debian's chromium. Nothing may be wider than the window, and each picture shows something of its own.
fn a_browser_shows_it_light_and_dark_narrow_and_wide() {
    let folder = std::env::var("LOOMCTL_PAGES").unwrap();
    let folder = Path::new(&folder);
    for hosts in [4, 128] {
        let page = fs::read_to_string(folder.join(format!("report-{hosts}.html"))).unwrap();
        for (width, scheme) in [(1400, "light"), (1400, "dark"), (420, "light")] {
            let measure = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth + ' ' + \
                           getComputedStyle(document.body).backgroundColor</script></body>";
            let measured = folder.join("measured.html");
            fs::write(&measured, page.replace("</body>", measure)).unwrap();
            let name = format!("report-{hosts}-{width}-{scheme}.png");
            let title = browser(folder, width, scheme, "--dump-dom", &measured);
            let (_, rest) = title.split_once("<title>").unwrap();
            let title = rest.split_once("</title>").unwrap().0;
            let numbers: Vec<u32> = title.split(' ').filter_map(|word| word.parse().ok()).collect();
            assert!(numbers[0] <= numbers[1], "{name} is wider than its window: {title}");
            assert_eq!(title.contains("rgb(255, 255, 255)"), scheme == "light", "{name}: {title}");
            let shot = format!("--screenshot={}", folder.join(&name).display());
            browser(folder, width, scheme, &shot, &folder.join(format!("report-{hosts}.html")));
            let size = fs::metadata(folder.join(&name)).unwrap().len();
            assert!(size > 20_000, "{name} shows nothing: {size} bytes");
        }
    }
}

fn browser(folder: &Path, width: u32, scheme: &str, what: &str, page: &Path) -> String {
    let mut command = Command::new("chromium");
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--virtual-time-budget=2000",
    ]);
    let preferred = u8::from(scheme == "light");
    command.arg(format!("--blink-settings=preferredColorScheme={preferred}"));
    command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    command.arg(format!("--window-size={width},1200")).arg(what).arg(page);
    command::run(&mut command).ok()
}
