//! The names nearest to a mistaken one.

/// How many names an error offers.
const OFFERED: usize = 5;

/// Up to five of `names`, nearest first: those that hold the mistaken one, then by Jaro–Winkler
/// similarity. Without any likeness, the first ones as they come.
pub fn nearest<'a>(mistaken: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = mistaken.to_lowercase();
    let mut ranked: Vec<(f64, &str)> = Vec::new();
    for name in names {
        if ranked.iter().any(|(_, known)| *known == name) {
            continue;
        }
        let lower = name.to_lowercase();
        let holds = !wanted.is_empty()
            && !lower.is_empty()
            && (lower.contains(&wanted) || wanted.contains(&lower));
        let likeness = strsim::jaro_winkler(&wanted, &lower) + f64::from(u8::from(holds));
        ranked.push((likeness, name));
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// The names as a list in backquotes, long ones cut.
pub fn quoted(names: &[&str]) -> String {
    let quote = |name: &&str| format!("`{}`", super::text::visible(&super::text::cut(name, 80)));
    names.iter().map(quote).collect::<Vec<_>>().join(", ")
}
