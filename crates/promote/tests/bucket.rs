//! State, ledger and evidence in a bucket, with nothing but variables to know it by.
#![cfg(test)]

use serde_json::Value;
use testkit::cli::Output;
use testkit::house::House;
use testkit::http::Answer;
use testkit::servers::Moto;

const STORES: &str = "service: shop\nstate: s3://acme/shop/state\n\
                      ledger: s3://acme/shop/ledger\nevidence: s3://acme/shop/evidence\n";

struct Stage {
    house: House,
    moto: Moto,
}

impl Stage {
    fn open() -> Option<Self> {
        let moto = Moto::start(u32::MAX).unwrap()?;
        moto.bucket("acme").unwrap();
        let mut house = House::new().unwrap();
        house.configure("service: shop\n", STORES).unwrap();
        house.open().unwrap();
        Some(Self { house, moto })
    }

    fn at(&self, url: &str, code: i32, program: &str, args: &[&str]) -> Output {
        let run = self.house.run(program, args);
        let output = run
            .env("AWS_ENDPOINT_URL", url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "a-secret-of-ours")
            .output()
            .unwrap();
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(!said.contains("a-secret-of-ours"), "{said}");
        output
    }

    fn run(&self, code: i32, program: &str, args: &[&str]) -> Value {
        let output = self.at(&self.moto.url(), code, program, args);
        output.json().unwrap_or_default()
    }

    /// Builds a version and has it attested into the bucket.
    fn release(&self, version: &str) {
        self.house.build(version, "0.2%").unwrap();
        let artifact = |name: &str| format!("--artifact={name}=builds/shop-{version}/{name}");
        let output = format!("--output=release-{version}.json");
        let args = [
            "release",
            "--key=keys/builder.key",
            "--version",
            version,
            "--owner=team-shop",
            &artifact("api"),
            &artifact("image"),
            &output,
            "--evidence=s3://acme/shop/evidence",
            "--signed-by=keys/builder.pub",
        ];
        self.run(0, "sign-artifact", &args);
    }

    fn promote(&self, code: i32, version: &str) -> Value {
        let file = format!("release-{version}.json");
        let args = ["run", "--environment", "production", "--release", &file];
        self.run(code, "promote", &args)
    }
}

#[test]
fn two_releases_go_up_and_one_comes_back_with_everything_in_a_bucket() {
    let Some(stage) = Stage::open() else { return };
    stage.release("1");
    stage.promote(0, "1");
    stage.release("2");
    let result = stage.promote(0, "2");
    assert_eq!(result["recorded"], true);
    assert!(!stage.house.path(".liftlock").exists());
    let reason = [
        "run",
        "--environment",
        "production",
        "--reason",
        "complaints",
    ];
    stage.run(0, "rollback", &reason);
    stage.run(
        14,
        "promote",
        &[
            "run",
            "--environment",
            "production",
            "--release",
            "release-2.json",
        ],
    );
    let verified = stage.run(0, "audit-log", &["verify"]);
    assert!(
        verified["detail"]["head"]["seq"].as_u64().unwrap() > 8,
        "{verified}"
    );
}

#[test]
fn a_bucket_that_forgets_conditions_moves_nothing() {
    let Some(stage) = Stage::open() else { return };
    stage.release("1");
    // It takes every write and says yes.
    let deaf = stage
        .moto
        .faulty(|request| {
            let state = request.method == "PUT" && request.path().contains("/state/");
            state.then(|| Answer::new(200).header("etag", "\"1\""))
        })
        .unwrap();
    let args = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-1.json",
    ];
    let output = stage.at(&deaf.url(""), 3, "promote", &args);
    assert!(
        output.stderr.contains("does not honour"),
        "{}",
        output.stderr
    );
    assert!(!stage.house.path("placed.log").exists());
}

#[test]
fn a_bucket_without_a_key_is_a_missing_credential() {
    let mut house = House::new().unwrap();
    house.configure("service: shop\n", STORES).unwrap();
    house.close();
    let args = ["status", "--environment", "production"];
    let run = house.run("promote", &args).env("AWS_REGION", "us-east-1");
    let output = run.output().unwrap();
    assert_eq!(output.code, 4, "{}", output.stderr);
    assert!(
        output.stderr.contains("`AWS_ACCESS_KEY_ID` is not set"),
        "{}",
        output.stderr
    );
    let output = house.run("promote", &args).output().unwrap();
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(output.stderr.contains("AWS_REGION"), "{}", output.stderr);
}
