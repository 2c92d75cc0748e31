//! Git repositories for tests, untouched by the settings of whoever runs them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

/// Runs git in a folder with an author of its own and gives its output, trimmed.
///
/// # Errors
///
/// Fails when git does; the message holds what git said.
pub fn run(folder: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .envs(author())
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "git {}: {stderr}", args.join(" "));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// The variables that name an author and fix the time of commits.
#[must_use]
pub const fn author() -> [(&'static str, &'static str); 6] {
    [
        ("GIT_AUTHOR_NAME", "Test"),
        ("GIT_AUTHOR_EMAIL", "test@example.org"),
        ("GIT_AUTHOR_DATE", "2026-01-05T08:00:00Z"),
        ("GIT_COMMITTER_NAME", "Test"),
        ("GIT_COMMITTER_EMAIL", "test@example.org"),
        ("GIT_COMMITTER_DATE", "2026-01-05T08:00:00Z"),
    ]
}

/// Makes an empty bare repository at `path`, with `main` as its branch, and
/// gives its URL.
///
/// # Errors
///
/// Fails when git does.
pub fn bare(path: &Path) -> Result<String> {
    std::fs::create_dir_all(path)?;
    run(
        path,
        &["init", "--quiet", "--bare", "--initial-branch=main"],
    )?;
    Ok(format!("file://{}", path.display()))
}

/// Makes a bare repository at `path` whose branch `main` holds these files, in
/// one commit, and gives its URL.
///
/// # Errors
///
/// Fails when git does, or when a file cannot be written.
pub fn bare_with(path: &Path, files: &[(&str, &str)]) -> Result<String> {
    let url = bare(path)?;
    let work = tempfile::tempdir()?;
    let work = work.path();
    run(work, &["init", "--quiet", "--initial-branch=main"])?;
    for (name, text) in files {
        let file = work.join(name);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, text)?;
    }
    run(work, &["add", "--all"])?;
    run(
        work,
        &["commit", "--quiet", "--allow-empty", "--message=Start"],
    )?;
    run(work, &["push", "--quiet", &url, "main"])?;
    Ok(url)
}

/// How people merge a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// By a commit with two parents.
    Commit,
    /// By one new commit with the request's title and nothing else.
    Squash,
    /// By new commits on top of the branch.
    Rebase,
}

/// Merges one branch of a bare repository into another, as a forge does; the
/// commit that the latter got.
///
/// # Errors
///
/// Fails when git does, as on a conflict.
pub fn merge(bare: &Path, (head, base): (&str, &str), how: Merge, title: &str) -> Result<String> {
    let work = tempfile::tempdir()?;
    let work = work.path();
    let url = format!("file://{}", bare.display());
    run(work, &["clone", "--quiet", "--branch", base, &url, "."])?;
    let theirs = format!("origin/{head}");
    match how {
        Merge::Commit => {
            let message = format!("Merge {head}\n\n{title}");
            run(
                work,
                &["merge", "--quiet", "--no-ff", "-m", &message, &theirs],
            )?;
        }
        Merge::Squash => {
            run(work, &["merge", "--quiet", "--squash", &theirs])?;
            run(work, &["commit", "--quiet", "--allow-empty", "-m", title])?;
        }
        Merge::Rebase => {
            let onto = format!("origin/{base}");
            run(work, &["checkout", "--quiet", "--detach", &theirs])?;
            run(work, &["rebase", "--quiet", "--force-rebase", &onto])?;
        }
    }
    let refspec = format!("HEAD:refs/heads/{base}");
    run(work, &["push", "--quiet", "origin", &refspec])?;
    run(work, &["rev-parse", "HEAD"])
}

/// The commit of a branch; nothing where there is no such branch.
#[must_use]
pub fn tip(bare: &Path, branch: &str) -> Option<String> {
    let name = format!("refs/heads/{branch}");
    run(bare, &["rev-parse", "--verify", "--quiet", &name]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_repository_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deploy.git");
        let url = bare_with(&path, &[("apps/shop/values.yaml", "image: one\n")]).unwrap();
        assert!(url.starts_with("file:///"));
        let text = run(&path, &["show", "main:apps/shop/values.yaml"]);
        assert_eq!(text.unwrap(), "image: one");
    }

    #[test]
    fn what_git_says_is_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(folder.path(), &["log"]).unwrap_err().to_string();
        assert!(error.contains("not a git repository"), "{error}");
    }
}
