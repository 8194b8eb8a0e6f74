//! What was found, one line each.

use serde_json::{Value, json};

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Good,
    /// It works, or may; something to know.
    Warning,
    /// It does not work.
    Bad,
    /// Not used here.
    Unused,
}

/// One line of the report.
#[derive(Debug)]
pub struct Finding {
    section: &'static str,
    standing: Standing,
    what: String,
    remedy: Option<String>,
}

/// All lines, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Standing {
    fn mark(self) -> char {
        match self {
            Self::Good => '✓',
            Self::Warning => '⚠',
            Self::Bad => '✗',
            Self::Unused => '-',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Bad => "failed",
            Self::Unused => "unused",
        }
    }
}

impl Report {
    /// Something that is as it should be.
    pub fn good(&mut self, section: &'static str, what: impl Into<String>) {
        self.add(section, Standing::Good, what.into(), None);
    }

    /// Something that is not there and need not be.
    pub fn unused(&mut self, section: &'static str, what: impl Into<String>) {
        self.add(section, Standing::Unused, what.into(), None);
    }

    /// Something to know, and what can be done.
    pub fn warning(
        &mut self,
        section: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(section, Standing::Warning, what.into(), Some(remedy.into()));
    }

    /// Something that does not work, and what to do.
    pub fn bad(
        &mut self,
        section: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(section, Standing::Bad, what.into(), Some(remedy.into()));
    }

    /// Whether anything does not work.
    pub fn has_failed(&self) -> bool {
        self.count(Standing::Bad) > 0
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut text = format!("mcp-trackio {}\n", env!("CARGO_PKG_VERSION"));
        let mut section = "";
        for finding in &self.findings {
            if finding.section != section {
                section = finding.section;
                text += &format!("\n{section}\n");
            }
            text += &format!("  {} {}\n", finding.standing.mark(), finding.what);
            if let Some(remedy) = &finding.remedy {
                text += &format!("      {remedy}\n");
            }
        }
        let (bad, warnings) = (self.count(Standing::Bad), self.count(Standing::Warning));
        text + &match (bad, warnings) {
            (0, 0) => "\nEverything is well.\n".to_owned(),
            (0, _) => format!("\nIt works; warnings: {warnings}.\n"),
            _ => format!("\nFailed: {bad}; warnings: {warnings}.\n"),
        }
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            let mut line = json!({
                "section": finding.section,
                "status": finding.standing.word(),
                "what": finding.what,
            });
            if let (Value::Object(fields), Some(remedy)) = (&mut line, &finding.remedy) {
                fields.insert("remedy".to_owned(), Value::from(remedy.as_str()));
            }
            line
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ok": !self.has_failed(),
            "failed": self.count(Standing::Bad),
            "warnings": self.count(Standing::Warning),
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    fn add(
        &mut self,
        section: &'static str,
        standing: Standing,
        what: String,
        remedy: Option<String>,
    ) {
        self.findings.push(Finding { section, standing, what, remedy });
    }

    fn count(&self, standing: Standing) -> usize {
        self.findings.iter().filter(|finding| finding.standing == standing).count()
    }
}
