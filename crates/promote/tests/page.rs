//! A page about the last plan, for whoever looks at it later.
#![cfg(test)]

use testkit::house::House;

#[test]
fn a_promotion_that_went_back_can_be_looked_at() {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house.build("2", "60%").unwrap();
    house.sign("2", "builder", &[]).unwrap();
    house.promote(10, "2").unwrap();
    let status = [
        "status",
        "--environment",
        "production",
        "--html",
        "page.html",
    ];
    let dry = [&status[..], &["--dry-run"]].concat();
    house.expect(0, "promote", &dry).unwrap();
    assert!(!house.path("page.html").exists());
    house.expect(0, "promote", &status).unwrap();
    let page = house.text("page.html");
    for wanted in [
        "<!DOCTYPE html>",
        "promotion of shop-2: ",
        "It went back: 04-bake",
        "it turned the plan back",
        "back-01-shift",
        "<svg role",
        "shop-1 is live",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.to_lowercase().contains("<script"), "{page}");
}

#[test]
fn a_rollback_is_shown_as_one() {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    for version in ["1", "2"] {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
    }
    let place = ["--environment", "production"];
    let back = [&["run"][..], &place, &["--reason", "it loses orders"]].concat();
    house.expect(0, "rollback", &back).unwrap();
    let status = [&["status"][..], &place, &["--html", "page.html"]].concat();
    house.expect(0, "promote", &status).unwrap();
    let page = house.text("page.html");
    for wanted in [
        "rollback to shop-1: ",
        "Requests went back to it.",
        "known good</th><td>shop-1 since",
        "left</th><td>shop-2 since",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains("step by step"), "{page}");
}
