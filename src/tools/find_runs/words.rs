//! Words that mean the same, and words that mean nothing here.

use jiff::{SignedDuration, Timestamp};

/// Usual config keys by their other names, normalized. Small on purpose: what is not here is
/// found by its own name.
pub const SAME_KEYS: [&[&str]; 11] = [
    &["learningrate", "lr", "baselr", "initlr", "maxlr"],
    &[
        "batchsize",
        "bs",
        "batch",
        "trainbatchsize",
        "perdevicetrainbatchsize",
        "perdevicebatchsize",
        "microbatchsize",
    ],
    &["weightdecay", "wd"],
    &["epochs", "epoch", "numepochs", "nepochs", "numtrainepochs", "maxepochs"],
    &["steps", "maxsteps", "numsteps", "totalsteps", "numtrainingsteps", "maxiters", "iterations"],
    &["model", "modelname", "modelnameorpath", "basemodel", "arch", "architecture"],
    &["seed", "randomseed", "rngseed"],
    &["optimizer", "optim", "opt", "optimizername"],
    &["dataset", "datasetname", "data"],
    &["lorarank", "lorar", "rank", "r"],
    &["precision", "dtype", "mixedprecision", "torchdtype"],
];

/// Words that only make a sentence of a query.
const FILLERS: &str = " a an the this that these those my our your me i we it is was were are be \
    been has have had did do does from with without using used use of in on at by for to and or \
    as which what who where when one ones run runs experiment experiments training trainings \
    trained job jobs find show get give search look want please some any all where's whose about \
    like called named ";

/// Words of time, and how many days they reach back from the end of today.
const TIMES: [(&str, i64); 10] = [
    ("today", 1),
    ("tonight", 1),
    ("yesterday", 2),
    ("week", 8),
    ("month", 32),
    ("recent", 8),
    ("recently", 8),
    ("latest", 8),
    ("newest", 8),
    ("ago", 32),
];

/// Whether a word means nothing here.
pub fn is_filler(word: &str) -> bool {
    word == "last" || FILLERS.contains(&format!(" {word} "))
}

/// How many days a word of time reaches back.
pub fn span_of(word: &str) -> Option<i64> {
    TIMES.iter().find(|(known, _)| *known == word).map(|(_, days)| *days)
}

/// The day at which a span that ends today begins, as an argument takes it.
pub fn day_before(now: Timestamp, days: i64) -> String {
    let zone = jiff::tz::TimeZone::system();
    let earlier = now - SignedDuration::from_hours(24 * (days - 1));
    earlier.to_zoned(zone).date().to_string()
}

/// Whether two normalized keys mean the same.
pub fn is_same_key(a: &str, b: &str) -> bool {
    a == b || SAME_KEYS.iter().any(|group| group.contains(&a) && group.contains(&b))
}
