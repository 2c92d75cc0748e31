//! Rules by groups, and by the owners of what changed.

use testkit::git;

use super::*;

const CODEOWNERS: &str = "* @alice\n[Data][1] @acme/dba\ndb/\n";

impl World {
    /// One rule beside alice's: by this group.
    fn by(group: &str) -> Self {
        let world = Self::new();
        let host = world.gitlab.host();
        let rule = format!(
            "approval: {{ rules: [{{ name: release, quorum: 1, people: [alice] }}, \
             {{ name: second, quorum: 1, {group} }}], at: ['gitlab:acme/shop@{host}'] }}"
        )
        .replace("HOST", &host);
        let old = format!(
            "approval: {{ quorum: 2, people: [alice, bob, carol], at: ['gitlab:acme/shop@{host}'] }}"
        );
        let text = config(&host);
        assert!(text.contains(&old), "{text}");
        fs::write(world.path("liftlock.yaml"), text.replace(&old, &rule)).unwrap();
        world
    }

    fn group(&self, path: &str, members: &[(u64, u64)]) {
        self.gitlab.with(|state| state.group(path, members));
    }

    /// A clone whose second commit changes a file in `db`, and the release of it.
    fn with_clone(&self, owners: &str) -> [String; 2] {
        let clone = self.path("clone");
        fs::create_dir_all(clone.join("db")).unwrap();
        git::run(&clone, &["init", "--quiet", "--initial-branch=main"]).unwrap();
        let commit = |content: &str| {
            fs::write(clone.join("CODEOWNERS"), owners).unwrap();
            fs::write(clone.join("db/1"), content).unwrap();
            git::run(&clone, &["add", "--all"]).unwrap();
            git::run(&clone, &["commit", "--quiet", "--message", content]).unwrap();
            git::run(&clone, &["rev-parse", "HEAD"]).unwrap()
        };
        let commits = [commit("one"), commit("two")];
        let text = fs::read_to_string(self.path("release.json")).unwrap();
        let mut release: Value = serde_json::from_str(&text).unwrap();
        release["commit"] = commits[1].as_str().into();
        fs::write(self.path("release.json"), release.to_string()).unwrap();
        commits
    }

    /// Asks with these flags: the output, whatever it is.
    fn tries(&self, more: &[&str]) -> Output {
        self.request_at(&[&["--gitlab", "acme/shop#1"], more].concat(), &[])
    }

    fn refuses(&self, code: i32, word: &str, more: &[&str]) {
        let output = self.tries(more);
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
        let asked = self.gitlab.with(|state| state.bodies(On::Issue(1)));
        assert!(asked.is_empty(), "{asked:?}");
    }
}

const TEAM: &str = "team: 'gitlab:acme/dba@HOST'";
const OWNERS: &str = "codeowners: { repository: 'gitlab:acme/shop@HOST' }";

#[test]
fn nobody_is_asked_by_a_group_that_is_hidden_too_small_or_elsewhere() {
    let world = World::by(TEAM);
    world.refuses(4, "no group `acme/dba`", &[]);
    // A guest, and erin, whom nobody knows, are nobody who may.
    world.group("acme/dba", &[(8, 10), (10, 40)]);
    world.refuses(3, "`people` names nobody of the team", &[]);
    let world = World::by("team: 'gitlab:acme/dba'");
    world.group("acme/dba", &[(8, 40)]);
    world.refuses(3, "gitlab.com", &[]);
}

#[test]
fn whoever_left_the_group_meanwhile_does_not_count() {
    let world = World::by(TEAM);
    world.group("acme/dba", &[(8, 30), (10, 40)]);
    let request = world.ask();
    for user in [7, 8, 10] {
        world.say(user, &yes(&request));
    }
    world.group("acme/dba", &[(10, 40)]);
    let told = world.judge(13, &request);
    let left = &told["detail"]["judgement"]["not_counted"];
    let left = left.as_array().unwrap().iter();
    let reasons: Vec<&str> = left.filter_map(|one| one["reason"].as_str()).collect();
    assert!(reasons.contains(&"not-member"), "{told}");
    world.gitlab.with(|state| state.hide_group("acme/dba"));
    assert_eq!(
        world
            .run(&["judge", "--request", &request, "--key", "judge.key"], &[])
            .code,
        4
    );
    world.group("acme/dba", &[(8, 30)]);
    world.judge(0, &request);
}

#[test]
fn what_changed_is_read_from_a_clone_and_from_nowhere_else() {
    let world = World::by(OWNERS);
    world.group("acme/dba", &[(8, 30)]);
    let [live, _] = world.with_clone(CODEOWNERS);
    let since = ["--live-commit", live.as_str()];
    world.refuses(2, "--clone", &since);
}

#[test]
fn a_role_among_owners_is_refused_by_name_and_never_passed_over() {
    for owners in ["* @@maintainer\n", "* @alice @@maintainers\n"] {
        let world = World::by(OWNERS);
        let [live, _] = world.with_clone(owners);
        let since = ["--live-commit", live.as_str(), "--clone", "clone"];
        world.refuses(3, "the role @@maintainer owns", &since);
    }
    // Of what did not change it is no matter.
    let world = World::by(OWNERS);
    let [live, _] = world.with_clone("* @alice\nui/ @@owner\n");
    let since = ["--live-commit", live.as_str(), "--clone", "clone"];
    World::asked(&world.tries(&since));
}

#[test]
fn each_section_of_owners_is_heard_a_person_or_a_group() {
    let world = World::by(OWNERS);
    world.group("acme/dba", &[(8, 30)]);
    let [live, _] = world.with_clone(CODEOWNERS);
    let since = ["--live-commit", live.as_str(), "--clone", "clone"];
    let request = World::asked(&world.tries(&since));
    world.say(7, &yes(&request));
    let judge = ["judge", "--request", &request, "--key", "judge.key"];
    let judge = [judge.as_slice(), &since].concat();
    let told = world.told(13, &judge);
    assert_eq!(told["detail"]["judgement"]["who_may"], json!(["bob"]));
    world.say(8, &yes(&request));
    world.told(0, &judge);
    // A name that no person has is a group's.
    let top = World::by(OWNERS);
    let [live, _] = top.with_clone("* @Data\n");
    let since = ["--live-commit", live.as_str(), "--clone", "clone"];
    top.refuses(4, "no group `data`", &since);
    top.group("data", &[(8, 30)]);
    let request = World::asked(&top.tries(&since));
    for user in [7, 8] {
        top.say(user, &yes(&request));
    }
    let judge = ["judge", "--request", &request, "--key", "judge.key"];
    top.told(0, &[judge.as_slice(), &since].concat());
}
