//! What differs between two commits, and what a file holds at one.

use liftlock::approval::forge::compared::{self, Comparison, Status};
use liftlock::approval::forge::github;

use super::{Error, GitHub};

impl GitHub {
    /// The paths that differ between two commits, sorted, each once; of a file
    /// that moved both.
    ///
    /// # Errors
    ///
    /// Fails on a commit that GitHub does not know, on 300 files or more, of
    /// which it lists no more, and where neither commit came after the other:
    /// GitHub then compares with a third one.
    pub fn changed(&self, from: &str, to: &str) -> Result<Vec<String>, Error> {
        let found = self.compare(from, to)?;
        match found.status {
            Status::Identical => Ok(Vec::new()),
            Status::Ahead => self.paths(&found, (from, to)),
            // The same two the other way round.
            Status::Behind => {
                let back = self.compare(to, from)?;
                match back.status {
                    Status::Ahead => self.paths(&back, (to, from)),
                    Status::Behind | Status::Diverged | Status::Identical => {
                        Err(partly((from, to), "its two answers do not fit together"))
                    }
                }
            }
            Status::Diverged => Err(partly(
                (from, to),
                "neither came after the other, and GitHub then compares with a third commit",
            )),
        }
    }

    fn compare(&self, from: &str, to: &str) -> Result<Comparison, Error> {
        let range = format!("{from}...{to}");
        let mut url = self.wire().url(&self.path(&["compare", &range]))?;
        // All files are on the first page, and no commit is of interest.
        url.query_pairs_mut()
            .append_pair("per_page", "1")
            .append_pair("page", "1");
        let response = self.wire().newer(url, None)?;
        let body = response.map(|response| response.body).unwrap_or_default();
        let found: Comparison = github::parse(&body)?;
        if found.base_commit.sha == from {
            Ok(found)
        } else {
            Err(partly((from, to), "it compares another commit"))
        }
    }

    fn paths(&self, found: &Comparison, (from, to): (&str, &str)) -> Result<Vec<String>, Error> {
        if found.merge_base_commit.sha != from {
            return Err(partly((from, to), "it compares with a third commit"));
        }
        found.paths().ok_or_else(|| {
            partly(
                (from, to),
                "it lists 300 files at most, and these may be more",
            )
        })
    }

    /// What a file holds at a commit that is known to be there; nothing where
    /// there is no such file.
    ///
    /// # Errors
    ///
    /// Fails on a folder, a link, and a file of more than 1 MB, which GitHub
    /// does not show.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        // One part of the address, with its slashes escaped, as GitHub's own
        // clients write it.
        let mut url = self.wire().url(&self.path(&["contents", path]))?;
        url.query_pairs_mut().append_pair("ref", commit);
        let body = match self.wire().newer(url, None) {
            Ok(response) => response.map(|response| response.body).unwrap_or_default(),
            Err(Error::Unknown { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match compared::contents(&body)? {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Error::Partly {
                what: path.to_owned(),
                why: "it has more than 1 MB",
            }),
        }
    }
}

fn partly((from, to): (&str, &str), why: &'static str) -> Error {
    Error::Partly {
        what: format!("{from}...{to}"),
        why,
    }
}
