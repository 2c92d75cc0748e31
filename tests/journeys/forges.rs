//! What people said on one forge counts in a job of another one, where neither
//! can be reached.

use liftlock_io::clock;
use serde_json::Value;
use testkit::cli::Output;
use testkit::house::House;
use testkit::servers::github::{self, GitHub};
use testkit::servers::gitlab::{self, GitLab, On};

type Env = Vec<(&'static str, String)>;

/// A house whose people are alice (7) and bob (8) on a forge, after its second
/// version was built and signed.
fn house(accounts: [&str; 2], at: &str) -> House {
    let house = House::new().unwrap();
    let [alice, bob] = accounts;
    let rules = format!(
        "version: 1
service: shop
environments:
  production:
    requires: [signature, approval]
    approval: {{ quorum: 2, people: [alice, bob], at: ['{at}'] }}
    targets: [{{ registry: {{ image: \"oci-layout:site\", tag: live }}, artifact: image }}]
trust:
  - {{ name: ci-builder, roles: [builder], keys: [{{ key-file: keys/builder.pub }}] }}
  - {{ name: ci-judge, roles: [judge], keys: [{{ key-file: keys/judge.pub }}] }}
people:
  alice: {{ accounts: ['{alice}'] }}
  bob: {{ accounts: ['{bob}'] }}
"
    );
    house.write("liftlock.yaml", rules).unwrap();
    house.release("2").unwrap();
    house
}

fn run(house: &House, program: &str, args: &[&str], env: &Env) -> Output {
    let run = house.run(program, args);
    let run = env
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    run.output().unwrap()
}

fn ask(house: &House, place: &[&str], env: &Env) -> String {
    let args = [
        "request",
        "--release",
        "release-2.json",
        "--environment",
        "production",
    ];
    let output = run(
        house,
        "await-approval",
        &[args.as_slice(), place].concat(),
        env,
    );
    assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
    let told = output.json().unwrap();
    told["detail"]["request"].as_str().unwrap().to_owned()
}

fn judge(house: &House, request: &str, env: &Env) {
    let args = ["judge", "--request", request, "--key", "keys/judge.key"];
    let output = run(house, "await-approval", &args, env);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
}

/// Explains, plans and runs a promotion in a job that knows no forge.
fn promoted(house: &House, env: &Env) {
    for (command, dry) in [("explain", false), ("run", true), ("run", false)] {
        let args = [
            command,
            "--environment",
            "production",
            "--release",
            "release-2.json",
        ];
        let dry: &[&str] = if dry { &["--dry-run"] } else { &[] };
        let output = run(house, "promote", &[args.as_slice(), dry].concat(), env);
        let said = format!("{command}: {}{}", output.stdout, output.stderr);
        assert_eq!(output.code, 0, "{said}");
        assert_eq!(output.json().unwrap()["verdict"], "pass", "{said}");
    }
    assert_eq!(house.state()["live"]["release"]["id"], "shop-2");
}

fn is_refused(house: &House, env: &Env) {
    let args = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-2.json",
    ];
    let output = run(house, "promote", &args, env);
    assert_ne!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_eq!(house.state(), Value::Null);
}

#[test]
fn an_approval_of_gitlab_promotes_in_a_job_of_github_without_any_forge() {
    let forge = GitLab::start().unwrap();
    let host = forge.host();
    let accounts = [7, 8].map(|id| format!("gitlab:{id}@{host}"));
    let [alice, bob] = &accounts;
    let house = house([alice, bob], &format!("gitlab:acme/shop@{host}"));
    let token = forge.with(|state| {
        state.set_clock(clock::now());
        state.person(7, "alice", 30);
        state.person(8, "bob", 40);
        state.bot(20, "project_5_bot");
        state.issue(7);
        state.token(gitlab::Token::Api(20))
    });
    let here: Env = vec![
        ("GITLAB_CI", "true".to_owned()),
        ("CI_API_V4_URL", forge.api()),
        ("LIFTLOCK_GITLAB_TOKEN", token),
    ];
    let elsewhere: Env = vec![("GITHUB_ACTIONS", "true".to_owned())];
    let request = ask(&house, &["--gitlab", "acme/shop#1"], &here);
    forge.with(|state| {
        for user in [7, 8] {
            state.note(On::Issue(1), user, &format!("liftlock approve {request}"));
        }
    });
    is_refused(&house, &elsewhere);
    judge(&house, &request, &here);
    drop(forge);
    promoted(&house, &elsewhere);
}

#[test]
fn an_approval_of_github_promotes_in_a_job_of_gitlab_without_any_forge() {
    let forge = GitHub::start().unwrap();
    let there = |name: &str| format!("github:{name}@{}", forge.host());
    let [alice, bob] = ["7", "8"].map(there);
    let house = house([&alice, &bob], &there("acme/shop"));
    let token = forge.with(|state| {
        state.set_clock(clock::now());
        state.person(7, "alice", "write");
        state.person(8, "bob", "maintain");
        state.issue(7);
        state.token(github::Token::Job)
    });
    let here: Env = vec![
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_API_URL", forge.url()),
        ("GITHUB_TOKEN", token),
    ];
    let elsewhere: Env = vec![("GITLAB_CI", "true".to_owned())];
    let request = ask(&house, &["--github", "acme/shop#1"], &here);
    forge.with(|state| {
        for user in [7, 8] {
            state.comment(1, user, &format!("/approve {request}"));
        }
    });
    is_refused(&house, &elsewhere);
    judge(&house, &request, &here);
    drop(forge);
    promoted(&house, &elsewhere);
}
