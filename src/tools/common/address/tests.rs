use proptest::prelude::*;

use super::*;

fn run(project: &str, run: &str) -> Address {
    Address::Run { project: project.to_owned(), run: run.to_owned() }
}

fn values(metric: &str, from_row: usize) -> Address {
    let (project, run) = ("p".to_owned(), "r".to_owned());
    let metric = metric.to_owned();
    Address::Values(Values { project, run, kind: Kind::Metrics, metric, from_row })
}

#[test]
fn addresses_are_written_as_clients_understand_them() {
    let cases = [
        (Address::Projects, "trackio://projects"),
        (Address::Project("projects".into()), "trackio://~projects"),
        (Address::Project("模型".into()), "trackio://%E6%A8%A1%E5%9E%8B"),
        (Address::Guide("curves".into()), "trackio://guide/curves"),
        (run("guide", "curves"), "trackio://~guide/curves"),
        (run("p", "a/b"), "trackio://p/a%2Fb"),
        (run("p", "100%"), "trackio://p/100%25"),
        (run("p", ".."), "trackio://p/~.."),
        (run("p", "~.."), "trackio://p/~~.."),
        (run("p", ""), "trackio://p/~"),
        (run("p", "it's \"so\""), "trackio://p/it%27s%20%22so%22"),
        (values("train/loss", 1), "trackio://p/r/metrics/train%2Floss.csv"),
        (values("loss", 200_001), "trackio://p/r/metrics/loss.csv?from_row=200001"),
    ];
    for (address, written) in cases {
        assert_eq!(address.to_string(), written);
        assert_eq!(Address::parse(written).as_ref(), Ok(&address), "{written}");
    }
}

#[test]
fn addresses_are_understood_as_models_write_them() {
    let cases = [
        ("trackio://p/r/metrics/train/loss.csv", values("train/loss", 1)),
        ("trackio://p/", Address::Project("p".into())),
        ("trackio://p/a b", run("p", "a b")),
        ("trackio://%70rojects", Address::Project("projects".into())),
    ];
    for (written, address) in cases {
        assert_eq!(Address::parse(written), Ok(address), "{written}");
    }
}

#[test]
fn what_is_no_address_is_told_what_there_is() {
    let wrong = [
        "",
        "trackio://",
        "trackio:///r",
        "trackio://p/r/metrics",
        "trackio://p/r/metrics/loss",
        "trackio://p/r/charts/loss.csv",
        "trackio://p/r/metrics/loss.csv?from_row=0",
        "trackio://p/r/metrics/loss.csv?rows=3",
        "trackio://p?x=1",
        "trackio://%FF",
        "file:///etc/passwd",
    ];
    for uri in wrong {
        let Failure(message) = Address::parse(uri).expect_err(uri);
        assert!(message.contains("trackio://{project}/{run}"), "{uri}: {message}");
    }
}

proptest! {
    #[test]
    fn any_name_comes_back(project in ".{0,12}", run in ".{0,12}", metric in ".{0,12}", row in 1..9usize) {
        let all = [
            Address::Project(project.clone()),
            Address::Run { project: project.clone(), run: run.clone() },
            Address::Values(Values { project, run, kind: Kind::System, metric, from_row: row }),
        ];
        for address in all {
            let written = address.to_string();
            prop_assert_eq!(Address::parse(&written), Ok(address));
            // Nothing that a client would tidy.
            let path = written.strip_prefix("trackio://").unwrap();
            for segment in path.split(['/', '?']) {
                prop_assert!(!matches!(segment.to_lowercase().as_str(), "" | "." | ".."));
            }
            prop_assert!(written.is_ascii());
        }
    }
}
