//! Paths relative to Trackio's directory, which have one form on every system.

use std::path::Path;

/// The path with `/` between its parts, as Trackio stores it in rows.
pub fn with_slashes(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_separated_by_slashes_on_every_system() {
        let native = Path::new("p").join("my run").join("0").join("a.png");
        assert_eq!(with_slashes(&native), "p/my run/0/a.png");
        assert_eq!(with_slashes(Path::new("")), "");
    }
}
