//! Which metrics of different runs are one metric, whatever each run calls it.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::role::{self, Role, Split};

/// One metric of several runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The name that most runs use.
    pub metric: String,
    /// What each run calls it; `None` where it has none.
    pub names: Vec<Option<String>>,
}

impl Alike {
    /// Whether some run calls it so.
    pub fn is_called(&self, name: &str) -> bool {
        self.names.iter().flatten().any(|own| own == name)
    }

    /// In how many runs it is.
    pub fn runs(&self) -> usize {
        self.names.iter().flatten().count()
    }

    /// The other names, each with the runs that use it.
    pub fn other_names(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut others: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (run, name) in self.names.iter().enumerate() {
            if let Some(name) = name.as_deref().filter(|name| *name != self.metric) {
                others.entry(name).or_default().push(run);
            }
        }
        others
    }
}

/// Words that have a shorter form.
const SYNONYMS: &[(&str, &str)] = &[
    ("acc", "accuracy"),
    ("ppl", "perplexity"),
    ("lr", "learning_rate"),
    ("learningrate", "learning_rate"),
    ("gradient_norm", "grad_norm"),
    ("gradnorm", "grad_norm"),
    ("gnorm", "grad_norm"),
];

/// Groups the metric names of several runs by what they mean, sorted by name.
///
/// Names of one meaning are taken for one metric only where no run has two of them: there they
/// are told apart by the run itself.
pub fn alike(runs: &[BTreeSet<&str>]) -> Vec<Alike> {
    let mut meanings: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for &name in runs.iter().flatten() {
        meanings.entry(meaning(name)).or_default().insert(name);
    }
    let mut groups = Vec::new();
    for names in meanings.into_values() {
        let is_one = runs.iter().all(|run| run.intersection(&names).count() <= 1);
        if is_one {
            groups.push(group(runs, &names));
        } else {
            groups.extend(names.into_iter().map(|name| group(runs, &BTreeSet::from([name]))));
        }
    }
    groups.sort_by(|a, b| a.metric.cmp(&b.metric));
    groups
}

fn group(runs: &[BTreeSet<&str>], names: &BTreeSet<&str>) -> Alike {
    let own = |run: &BTreeSet<&str>| run.intersection(names).next().map(|name| (*name).to_owned());
    let used = |name: &&&str| runs.iter().filter(|run| run.contains(**name)).count();
    // The first of equals by name.
    let metric = names.iter().rev().max_by_key(used).copied().unwrap_or_default().to_owned();
    Alike { metric, names: runs.iter().map(own).collect() }
}

/// The same text for names of one meaning.
fn meaning(name: &str) -> String {
    let class = role::classify(name);
    if matches!(class.role, Role::Other | Role::Counter) {
        return name.to_owned();
    }
    let data = match (class.split, class.role) {
        (Some(Split::Eval), _) if role::is_test(name) => "test",
        (Some(Split::Eval), _) => "eval",
        // An unmarked score, error or term may be of any data.
        (None, Role::Score | Role::Error | Role::LossPart) => "unmarked",
        (Some(Split::Train) | None, _) => "train",
    };
    let measure = role::measure(name);
    let word = |short: &&(&str, &str)| short.0 == measure;
    let measure = SYNONYMS.iter().find(word).map_or(measure.as_str(), |(_, long)| *long);
    // A slash is in no measure: this text is no name of a metric without a role.
    format!("{data}//{measure}")
}
