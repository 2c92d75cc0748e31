//! The demos end well: the whole lock, with nothing but Rust and git, and on
//! real parts.

use std::process::Command;

use testkit::peers;

fn demo(arguments: &[&str]) {
    let root = peers::root();
    let output = Command::new(root.join("scripts/demo"))
        .args(arguments)
        .current_dir(&root)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(told.contains("every promise was kept"), "{told}");
}

#[test]
fn the_whole_lock_works_with_rust_and_git_alone() {
    demo(&[]);
}

#[test]
fn the_whole_lock_works_on_real_parts() {
    let needed = ["docker-registry", "haproxy", "prometheus", "crane"];
    if needed
        .into_iter()
        .all(|name| peers::require(name).is_some())
    {
        demo(&["--real"]);
    }
}
