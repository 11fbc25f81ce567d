//! The contracts of `AuditStore` and `UserDirectory`, and what admins ask other stores for.

use serde_json::json;
use tessera::account::Role;
use tessera::account::server::directory::{Access, AccessChange, Place, UserFilter, UserOrder};
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User;
use tessera::app::people;
use tessera::app::stores::Stores;
use tessera::audit::store::AuditFilter;
use tessera::audit::{Action, Actor, AuditEntry};
use tessera::platform::ids::{AttemptId, AuditId, UserId, WorkId};
use tessera::platform::time::DAY;
use tessera::usage::{Attempt, Outcome, UserUsage};
use uuid::{Builder, Uuid};

use crate::contracts::over_every_store;

async fn add_user(stores: &Stores, email: &str, role: Role) -> UserId {
    let user = User {
        id: UserId::now_v7(),
        email: email.to_owned(),
        name: "Ada".into(),
        password_hash: None,
        email_verified_at: None,
        role,
        status: UserStatus::Active,
    };
    assert!(stores.accounts.create_user(user.clone()).await.unwrap());
    user.id
}

const ADMIN: Access = Access { role: Role::Admin, status: UserStatus::Active };
const USER: Access = Access { role: Role::User, status: UserStatus::Active };

fn entry(actor: Actor, action: Action, target: Option<UserId>, at: i64) -> AuditEntry {
    let random = Uuid::now_v7().into_bytes()[6..].try_into().unwrap();
    let id = Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap(), &random).into_uuid().into();
    AuditEntry { id, ..AuditEntry::new(actor, action, target) }
}

async fn actions(stores: &Stores, filter: AuditFilter) -> Vec<Action> {
    let found = stores.audit.list(filter, AuditId::max(), 100).await.unwrap();
    found.into_iter().map(|entry| entry.action).collect()
}

async fn emails(stores: &Stores, filter: &UserFilter, order: UserOrder, page: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = stores.directory.list(filter.clone(), order, after, page).await.unwrap();
        let Some(last) = found.last() else { return all };
        after = Place::parse(&Place::from(&last.user).to_string());
        assert!(after.is_some() && found.len() <= page);
        all.extend(found.into_iter().map(|found| found.user.email));
    }
}

over_every_store! {
    async fn an_entry_of_the_audit_log_is_kept_as_it_is(stores) {
        let user = UserId::now_v7();
        let entry = AuditEntry::new(Actor::Operator, Action::RoleChanged, Some(user))
            .before(json!({ "role": "USER" }))
            .after(json!({ "role": "ADMIN", "amount": 0.25 }))
            .once("a".to_owned());
        stores.audit.append(entry.clone()).await.unwrap();
        // Again, and another with the same name.
        stores.audit.append(entry.clone()).await.unwrap();
        let other = AuditEntry::new(Actor::System, Action::Refund, None).once("a".to_owned());
        stores.audit.append(other).await.unwrap();
        let found = stores.audit.list(AuditFilter::default(), AuditId::max(), 10).await.unwrap();
        assert_eq!(found, [AuditEntry { once: None, ..entry }]);
    }

    async fn the_audit_log_is_searched_by_all_that_it_holds(stores) {
        use Action::{KeyCreated, RoleChanged, SignIn, SignInFailed};
        let (one, two) = (UserId::now_v7(), UserId::now_v7());
        for entry in [
            entry(Actor::User(one), Action::SignIn, Some(one), 10 * DAY),
            entry(Actor::User(one), Action::KeyCreated, Some(one), 20 * DAY),
            entry(Actor::User(two), Action::RoleChanged, Some(one), 30 * DAY),
            entry(Actor::Visitor, Action::SignInFailed, None, 40 * DAY),
        ] {
            stores.audit.append(entry).await.unwrap();
        }
        let all = AuditFilter::default();
        assert_eq!(actions(&stores, all).await, [SignInFailed, RoleChanged, KeyCreated, SignIn]);
        assert_eq!(actions(&stores, AuditFilter { actor: Some(Actor::User(one)), ..all }).await, [KeyCreated, SignIn]);
        assert_eq!(actions(&stores, AuditFilter { target: Some(one), ..all }).await, [RoleChanged, KeyCreated, SignIn]);
        assert_eq!(actions(&stores, AuditFilter { action: Some(KeyCreated), ..all }).await, [KeyCreated]);
        let (from, until) = (Some(20 * DAY), Some(40 * DAY));
        assert_eq!(actions(&stores, AuditFilter { from, until, ..all }).await, [RoleChanged, KeyCreated]);
        let both = AuditFilter { actor: Some(Actor::User(two)), action: Some(SignIn), ..all };
        assert!(actions(&stores, both).await.is_empty());
        // Page by page.
        let first = stores.audit.list(all, AuditId::max(), 3).await.unwrap();
        let rest = stores.audit.list(all, first.last().unwrap().id, 3).await.unwrap();
        assert_eq!((first.len(), rest.len(), rest[0].action), (3, 1, SignIn));
    }

    async fn sign_ins_are_forgotten_and_nothing_else_is(stores) {
        for action in Action::ALL {
            stores.audit.append(entry(Actor::Operator, action, None, DAY)).await.unwrap();
        }
        stores.audit.append(entry(Actor::Operator, Action::SignIn, None, 3 * DAY)).await.unwrap();
        stores.audit.forget_sign_ins(2 * DAY).await.unwrap();
        let left = actions(&stores, AuditFilter::default()).await;
        assert_eq!(left.len(), Action::ALL.len() - 2 + 1, "{left:?}");
        assert!(left[0] == Action::SignIn && !left[1..].iter().any(|action| action.is_sign_in()));
    }

    async fn users_are_found_in_every_order_page_by_page(stores) {
        for (name, role) in [("bob", Role::User), ("ada", Role::Admin), ("adam", Role::User), ("eve", Role::User)] {
            add_user(&stores, &format!("{name}@example.org"), role).await;
        }
        let eve = stores.directory.list(UserFilter::default(), UserOrder::Newest, None, 1).await.unwrap().remove(0);
        assert_eq!(eve.user.email, "eve@example.org");
        assert_eq!(
            stores.directory.change_access(eve.user.id, USER, Access { status: UserStatus::Disabled, ..USER }).await.unwrap(),
            AccessChange::Changed
        );
        let found = async |filter: UserFilter, order: UserOrder| {
            let found = emails(&stores, &filter, order, 2).await;
            assert_eq!(found, emails(&stores, &filter, order, 1).await);
            found.iter().map(|email| email.split('@').next().unwrap()).collect::<Vec<_>>().join(" ")
        };
        let all = UserFilter::default();
        assert_eq!(found(all.clone(), UserOrder::Newest).await, "eve adam ada bob");
        assert_eq!(found(all.clone(), UserOrder::Oldest).await, "bob ada adam eve");
        assert_eq!(found(all.clone(), UserOrder::Email).await, "ada adam bob eve");
        let begin = |begin: &str| UserFilter { email: Some(begin.to_owned()), ..UserFilter::default() };
        assert_eq!(found(begin("ada"), UserOrder::Email).await, "ada adam");
        assert_eq!(found(begin("adam@"), UserOrder::Email).await, "adam");
        assert_eq!(found(begin("a%"), UserOrder::Email).await, "");
        let admins = UserFilter { role: Some(Role::Admin), ..UserFilter::default() };
        assert_eq!(found(admins.clone(), UserOrder::Newest).await, "ada");
        assert_eq!(found(UserFilter { email: Some("b".to_owned()), ..admins }, UserOrder::Email).await, "");
        let users = UserFilter { role: Some(Role::User), status: Some(UserStatus::Active), ..all };
        assert_eq!(found(users.clone(), UserOrder::Email).await, "adam bob");
        assert_eq!(found(UserFilter { status: Some(UserStatus::Disabled), ..users }, UserOrder::Newest).await, "eve");
        // The bounds of a time, page by page in every order.
        let (from, until) = (Some(eve.created_at - DAY), Some(eve.created_at + DAY));
        for order in [UserOrder::Newest, UserOrder::Oldest, UserOrder::Email] {
            let then = found(UserFilter { from, until, ..UserFilter::default() }, order).await;
            assert_eq!(then, found(UserFilter::default(), order).await);
            for never in [UserFilter { from: until, ..UserFilter::default() }, UserFilter { until: from, ..UserFilter::default() }] {
                assert_eq!(found(never, order).await, "");
            }
        }
        let again = stores.directory.find(eve.user.id).await.unwrap().unwrap();
        assert_eq!((again.created_at, again.user.status), (eve.created_at, UserStatus::Disabled));
        assert!(stores.directory.find(UserId::now_v7()).await.unwrap().is_none());
    }

    async fn access_changes_only_from_what_it_was(stores) {
        let user = add_user(&stores, "ada@example.org", Role::User).await;
        let change = async |from, to| stores.directory.change_access(user, from, to).await.unwrap();
        assert_eq!(change(ADMIN, USER).await, AccessChange::Stale);
        assert_eq!(change(USER, ADMIN).await, AccessChange::Changed);
        assert_eq!(change(USER, ADMIN).await, AccessChange::Stale);
        assert_eq!(change(ADMIN, USER).await, AccessChange::LastAdmin);
        assert_eq!(change(ADMIN, Access { status: UserStatus::Disabled, ..ADMIN }).await, AccessChange::LastAdmin);
        // One who cannot sign in is no other admin.
        let other = add_user(&stores, "bob@example.org", Role::Admin).await;
        let shut = Access { status: UserStatus::Disabled, ..ADMIN };
        assert_eq!(stores.directory.change_access(other, ADMIN, shut).await.unwrap(), AccessChange::Changed);
        assert_eq!(change(ADMIN, USER).await, AccessChange::LastAdmin);
        assert_eq!(stores.directory.change_access(other, shut, ADMIN).await.unwrap(), AccessChange::Changed);
        assert_eq!(change(ADMIN, USER).await, AccessChange::Changed);
        let nobody = stores.directory.change_access(UserId::now_v7(), ADMIN, USER).await.unwrap();
        assert_eq!(nobody, AccessChange::Stale);
    }

    async fn an_admin_stays_however_many_leave_at_once(stores) {
        for round in 0..10 {
            let mut admins = Vec::new();
            for number in 0..4 {
                admins.push(add_user(&stores, &format!("{round}-{number}@example.org"), Role::Admin).await);
            }
            let leaving: Vec<_> = admins.iter().map(|id| {
                let (directory, id) = (stores.directory.clone(), *id);
                // Some lose the role, some the account.
                let to = if round % 2 == 0 { USER } else { Access { status: UserStatus::Disabled, ..ADMIN } };
                tokio::spawn(async move { directory.change_access(id, ADMIN, to).await.unwrap() })
            }).collect();
            let mut ends = Vec::new();
            for task in leaving { ends.push(task.await.unwrap()); }
            let filter = UserFilter { role: Some(Role::Admin), status: Some(UserStatus::Active), ..UserFilter::default() };
            let left = stores.directory.list(filter, UserOrder::Newest, None, 9).await.unwrap();
            let gone = ends.iter().filter(|end| **end == AccessChange::Changed).count();
            assert_eq!((left.len(), gone), (1, 3), "{ends:?}");
            // For the next round nobody is left.
            let id = left[0].user.id;
            let spare = add_user(&stores, &format!("{round}-spare@example.org"), Role::Admin).await;
            assert_eq!(stores.directory.change_access(id, ADMIN, USER).await.unwrap(), AccessChange::Changed);
            let email = tessera::account::Email::parse(&format!("{round}-spare@example.org")).unwrap();
            assert!(stores.accounts.set_role(&email, Role::User).await.unwrap());
            assert!(!stores.directory.find(spare).await.unwrap().unwrap().user.role.eq(&Role::Admin));
        }
    }

    async fn an_admin_stays_also_where_one_is_erased_while_the_other_is_demoted(stores) {
        for round in 0..12 {
            let email = |name: &str| format!("{round}-{name}@example.org");
            add_user(&stores, &email("a"), Role::Admin).await;
            let other = add_user(&stores, &email("b"), Role::Admin).await;
            let (of_erasing, erased, directory) = (stores.clone(), email("a"), stores.directory.clone());
            let erasing = tokio::spawn(async move { people::erase(&of_erasing, &erased).await.is_ok() });
            let demoting = tokio::spawn(async move { directory.change_access(other, ADMIN, USER).await.unwrap() });
            let (is_erased, demoted) = (erasing.await.unwrap(), demoting.await.unwrap());
            let filter = UserFilter { role: Some(Role::Admin), status: Some(UserStatus::Active), ..UserFilter::default() };
            let left = stores.directory.list(filter, UserOrder::Newest, None, 9).await.unwrap();
            assert_eq!(left.len(), 1, "{is_erased} {demoted:?}");
            assert!(is_erased != (demoted == AccessChange::Changed), "{is_erased} {demoted:?}");
            // For the next round nobody is left.
            let spare = add_user(&stores, &email("spare"), Role::Admin).await;
            let changed = stores.directory.change_access(left[0].user.id, ADMIN, USER).await.unwrap();
            assert_eq!(changed, AccessChange::Changed);
            let email = tessera::account::Email::parse(&email("spare")).unwrap();
            assert!(stores.accounts.set_role(&email, Role::User).await.unwrap(), "{spare}");
        }
    }

    async fn what_was_asked_for_a_user_is_added_up(stores) {
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let attempt = |user, outcome, cost_micros| Attempt {
            id: AttemptId::now_v7(),
            request_id: "r".into(),
            reply: WorkId::now_v7(),
            user,
            key: None,
            provider: "openai".into(),
            model: "m".into(),
            input_tokens: 10,
            output_tokens: 3,
            is_estimated: false,
            cost_micros,
            latency_ms: 1,
            first_token_ms: None,
            outcome,
            price_version: None,
            at: 0,
        };
        let attempts = vec![
            attempt(user, Outcome::Ok, Some(7)),
            attempt(user, Outcome::Stopped, None),
            attempt(user, Outcome::Timeout, Some(5)),
            attempt(other, Outcome::Ok, Some(9)),
        ];
        stores.attempts.record(attempts).await.unwrap();
        let sum = stores.attempts.sum_of_user(user, 0).await.unwrap();
        let expected = UserUsage { attempts: 3, failed: 1, input_tokens: 30, output_tokens: 9, cost_micros: 12 };
        assert_eq!(sum, expected);
        let later = tessera::platform::db::now_millis() + 60_000;
        assert_eq!(stores.attempts.sum_of_user(user, later).await.unwrap(), UserUsage::default());
        assert_eq!(stores.images.count_of(user).await.unwrap(), 0);
    }
}
