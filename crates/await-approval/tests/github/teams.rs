//! Rules whose people are members of a team.

use super::*;

const RULES: &str = "version: 1
service: shop
trust:
  - { name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }
people:
  alice: { accounts: ['github:7'] }
  bob: { accounts: ['github:8'] }
  carol: { accounts: ['github:9'] }
environments:
  production:
    requires: [approval]
    approval: { rules: [{ name: security, quorum: 2, team: 'github:acme/security' }], at: ['github:acme/shop'] }
";

impl World {
    /// Alice 7, bob 8 and erin 10 are in the team, and the policy does not know
    /// erin; carol 9 is not in it. The token may read teams.
    fn of_team() -> Self {
        let world = Self::with(RULES, Token::App);
        world
            .github
            .with(|state| state.team("security", &[7, 8, 10]));
        world
    }

    fn ask_team(&self) -> String {
        let place = format!("acme/shop#{}", self.issue);
        let told = self.told(13, &[&ASK[..], &["--github", &place]].concat());
        assert_eq!(
            told["detail"]["rules"],
            json!([{ "name": "security", "quorum": 2, "people": ["alice", "bob"] }])
        );
        told["detail"]["request"].as_str().unwrap().to_owned()
    }
}

const ASK: [&str; 5] = [
    "request",
    "--release",
    "release.json",
    "--environment",
    "production",
];

#[test]
fn only_members_whom_people_names_are_asked_and_count_while_they_are_members() {
    let world = World::of_team();
    let request = world.ask_team();
    for user in [7, 8, 9, 10] {
        world.say(user, &format!("/approve {request}"));
    }
    // Bob left the team after he answered.
    world.github.with(|state| state.team("security", &[7, 10]));
    let told = world.judge(13, &request);
    let judgement = &told["detail"]["judgement"];
    let reasons: Vec<&str> = judgement["not_counted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["reason"].as_str().unwrap())
        .collect();
    assert_eq!(judgement["counted"].as_array().unwrap().len(), 1);
    assert_eq!(reasons, ["unproved", "not-member", "not-asked"]);
    // Carol came to it after people were asked.
    world.github.with(|state| state.team("security", &[7, 9]));
    world.judge(13, &request);
    // Bob was invited again, and has not come.
    world.github.with(|state| state.invite("security", 8));
    world.judge(13, &request);
    world.github.with(|state| state.team("security", &[7, 8]));
    world.judge(0, &request);
    assert!(world.path("approval.json").exists());
}

#[test]
fn a_member_is_known_by_number_whoever_has_the_login() {
    let world = World::of_team();
    let request = world.ask_team();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.github.with(|state| {
        state.rename(8, "robert");
        state.person(11, "bob", "write");
        state.team("security", &[7, 11]);
    });
    world.judge(13, &request);
    world.github.with(|state| state.team("security", &[7, 8]));
    world.judge(0, &request);
}

#[test]
fn a_team_that_cannot_be_read_is_no_approval() {
    let world = World::of_team();
    let request = world.ask_team();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    let judge = ["judge", "--request", &request, "--key", "judge.key"];
    for (answer, code) in [
        (Answer::new(401), 4),
        (Answer::new(403), 4),
        (Answer::new(404), 4),
        (Answer::json("[{\"id\":"), 1),
    ] {
        world.github.with(|state| state.order("/members", answer));
        world.told(code, &judge);
    }
    for _ in 0..3 {
        let broken = Answer::new(502);
        world.github.with(|state| state.order("/members", broken));
    }
    world.told(1, &judge);
    // A job's own token sees no teams, and nobody has to guess that.
    let job = world.github.with(|state| state.token(Token::Job));
    for args in [&judge[..], &ASK[..]] {
        let output = world.run(args, &[("GITHUB_TOKEN", &job)]);
        assert_eq!(output.code, 4, "{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains("members: read"), "{}", output.stderr);
    }
    world.github.with(|state| state.hide_team("security"));
    world.refused(4, "acme/security", &judge);
    world.github.with(|state| state.team("security", &[7, 8]));
    world.judge(0, &request);
}

#[test]
fn a_team_with_too_few_people_is_not_asked() {
    let world = World::of_team();
    world.github.with(|state| state.team("security", &[7, 10]));
    let why = format!(
        "only alice of the team github:acme/security@{}",
        world.github.host()
    );
    world.refused(3, &why, &ASK);
}
