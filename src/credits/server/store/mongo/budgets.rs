//! The budgets of users.

use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use crate::credits::Period;
use crate::credits::server::budgets::{Budget, BudgetPlan};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, run, to_bson};
use crate::platform::ids::{OwnerId, UserId};

/// [`BudgetPlan`], with ids as MongoDB has them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredPlan {
    #[serde(rename = "_id")]
    of: PlanId,
    time_zone: String,
    budgets: Vec<StoredBudget>,
}

/// Whose they are, and what of.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct PlanId {
    owner: bson::Uuid,
    user: bson::Uuid,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredBudget {
    id: bson::Uuid,
    period: Period,
    #[serde(with = "micros")]
    most: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<bson::Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, rename = "byAdmin")]
    by_admin: bool,
}

impl From<Budget> for StoredBudget {
    fn from(Budget { id, period, most, key, model, by_admin }: Budget) -> Self {
        Self { id: to_bson(id), period, most, key: key.map(to_bson), model, by_admin }
    }
}

impl From<StoredBudget> for Budget {
    fn from(StoredBudget { id, period, most, key, model, by_admin }: StoredBudget) -> Self {
        Self { id: from_bson(id), period, most, key: key.map(from_bson), model, by_admin }
    }
}

impl StoredPlan {
    /// What is stored.
    pub fn read(self) -> BudgetPlan {
        BudgetPlan { time_zone: self.time_zone, budgets: self.budgets.into_iter().map(Budget::from).collect() }
    }
}

#[derive(Clone)]
pub(super) struct Plans(Collection<StoredPlan>);

impl Plans {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self(mongo.collection("budgets", Durability::Durable))
    }

    pub(super) async fn find(&self, owner: OwnerId, user: UserId) -> StoreResult<BudgetPlan> {
        let (plans, own) = (self.0.clone(), own(owner, user));
        let Some(found) = run(async move { plans.find_one(own).await }).await? else {
            return Ok(BudgetPlan::default());
        };
        Ok(found.read())
    }

    pub(super) async fn set(&self, owner: OwnerId, user: UserId, plan: BudgetPlan) -> StoreResult<()> {
        let plan = StoredPlan {
            of: PlanId { owner: to_bson(owner), user: to_bson(user) },
            time_zone: plan.time_zone,
            budgets: plan.budgets.into_iter().map(StoredBudget::from).collect(),
        };
        let (plans, own) = (self.0.clone(), own(owner, user));
        run(async move { plans.replace_one(own, plan).upsert(true).await }).await?;
        Ok(())
    }

    pub(super) async fn delete(&self, owner: OwnerId, user: UserId) -> StoreResult<()> {
        let (plans, own) = (self.0.clone(), own(owner, user));
        run(async move { plans.delete_one(own).await }).await?;
        Ok(())
    }
}

fn own(owner: OwnerId, user: UserId) -> bson::Document {
    doc! { "_id": { "owner": to_bson(owner), "user": to_bson(user) } }
}
