//! Appends rows to a file of counts: whole lines only, times only ascending.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use liftlock::canary::counts::{HEADER, Row};
use liftlock::span::Span;
use liftlock::time::Time;

/// A file of counts that others read while it grows.
#[derive(Debug)]
pub(crate) struct File<'a> {
    path: &'a Path,
    last: Option<Time>,
}

impl<'a> File<'a> {
    /// Goes on where an earlier run ended.
    pub(crate) fn new(path: &'a Path) -> Self {
        let last = fs::read_to_string(path).ok().and_then(|text| {
            let (time, _) = text.lines().last()?.split_once(',')?;
            time.parse().ok()
        });
        Self { path, last }
    }

    /// Appends a row in one write; with the header when it is the first.
    pub(crate) fn append(&mut self, mut row: Row) -> Result<()> {
        if let Some(last) = self.last {
            row.time = row.time.max(last.after(Span::from_millis(1)));
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path)
            .with_context(|| format!("cannot write `{}`", self.path.display()))?;
        let line = if file.metadata()?.len() == 0 {
            format!("{HEADER}\n{}\n", row.line())
        } else {
            format!("{}\n", row.line())
        };
        file.write_all(line.as_bytes())?;
        self.last = Some(row.time);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use liftlock::canary::counts::{Arm, parse};

    use super::*;

    #[test]
    fn rows_of_two_runs_are_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.csv");
        let row = Row {
            time: Time::EPOCH,
            baseline: Arm { total: 9, bad: 1 },
            canary: Arm::default(),
        };
        for _ in 0..2 {
            let mut file = File::new(&path);
            file.append(row).unwrap();
            file.append(row).unwrap();
        }
        let rows = parse(&fs::read(&path).unwrap()).unwrap();
        let times: Vec<i64> = rows.iter().map(|row| row.time.unix_millis()).collect();
        assert_eq!(times, [0, 1, 2, 3]);
    }
}
