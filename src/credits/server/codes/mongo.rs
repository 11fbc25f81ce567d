//! Codes in MongoDB. No step needs a transaction: a use is one insert, which two unique indexes let happen once per user and
//! once per place.

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::{Campaign, CodeStore, NewCode, PlanDays, RedeemOutcome, Redemption};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{RedemptionId, UserId};
use crate::platform::secret::SecretHash;

/// Codes that are added at a time.
const AT_ONCE: usize = 32;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredCode {
    #[serde(rename = "_id")]
    hash: bson::Binary,
    campaign: String,
    #[serde(with = "micros")]
    credits: Amount,
    most_uses: Option<u32>,
    per_user: u32,
    expires_at: Option<i64>,
    credits_last: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<PlanDays>,
    created_at: i64,
    ended: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredUse {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    code: bson::Binary,
    user: bson::Uuid,
    /// Which of this user's uses of the code it is, and which of all.
    nth: i64,
    place: i64,
    campaign: String,
    #[serde(with = "micros")]
    credits: Amount,
    code_expires_at: Option<i64>,
    credits_expire_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<PlanDays>,
    at: i64,
    posted: bool,
}

impl StoredUse {
    fn read(self) -> Redemption {
        Redemption {
            id: from_bson(self.id),
            user: from_bson(self.user),
            campaign: self.campaign,
            credits: self.credits,
            code_expires_at: self.code_expires_at,
            credits_expire_at: self.credits_expire_at,
            plan: self.plan,
            at: self.at,
        }
    }
}

/// [`CodeStore`] over MongoDB.
pub struct MongoCodeStore {
    codes: Collection<StoredCode>,
    uses: Collection<StoredUse>,
}

impl MongoCodeStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            codes: mongo.collection("codes", Durability::Durable),
            uses: mongo.collection("codeUses", Durability::Durable),
        }
    }

    async fn find(&self, code: SecretHash) -> StoreResult<Option<NewCode>> {
        let (codes, open) = (self.codes.clone(), doc! { "_id": stored(code), "ended": false });
        let found = run(async move { codes.find_one(open).await }).await?;
        Ok(found.map(|found| NewCode {
            hash: code,
            campaign: found.campaign,
            credits: found.credits,
            most_uses: found.most_uses,
            per_user: found.per_user,
            expires_at: found.expires_at,
            credits_last: found.credits_last,
            plan: found.plan,
            created_at: found.created_at,
        }))
    }

    async fn count(&self, of: bson::Document) -> StoreResult<i64> {
        let uses = self.uses.clone();
        let count = run(async move { uses.count_documents(of).await }).await?;
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The place after the last one.
    async fn next_place(&self, code: &bson::Binary) -> StoreResult<i64> {
        let (uses, of) = (self.uses.clone(), doc! { "code": code.clone() });
        let last = run(async move { uses.find_one(of).sort(doc! { "place": -1 }).await }).await?;
        Ok(last.map_or(0, |last| last.place + 1))
    }
}

fn stored(hash: SecretHash) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: hash.to_vec() }
}

#[async_trait]
impl CodeStore for MongoCodeStore {
    async fn add_codes(&self, codes: Vec<NewCode>) -> StoreResult<usize> {
        let insert = |code: NewCode| {
            let NewCode { hash, campaign, credits, most_uses, per_user, expires_at, credits_last, plan, created_at } =
                code;
            let hash = stored(hash);
            let ended = false;
            let code = StoredCode {
                hash,
                campaign,
                credits,
                most_uses,
                per_user,
                expires_at,
                credits_last,
                plan,
                created_at,
                ended,
            };
            let codes = self.codes.clone();
            async move {
                match run(async move { codes.insert_one(code).await }).await {
                    Ok(_) => Ok(1),
                    Err(error) if is_duplicate(&error) => Ok(0),
                    Err(error) => Err(error),
                }
            }
        };
        // One after the other would be as many waits for the disk.
        let added: Vec<usize> = stream::iter(codes).map(insert).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(added.into_iter().sum())
    }

    async fn find_code(&self, code: SecretHash) -> StoreResult<Option<NewCode>> {
        self.find(code).await
    }

    async fn use_code(&self, code: SecretHash, user: UserId, at: i64) -> StoreResult<RedeemOutcome> {
        let Some(found) = self.find(code).await? else { return Ok(RedeemOutcome::Unknown) };
        let hash = stored(code);
        loop {
            let own = self.count(doc! { "code": hash.clone(), "user": to_bson(user) }).await?;
            if own >= i64::from(found.per_user) {
                return Ok(RedeemOutcome::Repeated);
            }
            if found.expires_at.is_some_and(|end| end <= at) {
                return Ok(RedeemOutcome::Expired);
            }
            let place = self.next_place(&hash).await?;
            if found.most_uses.is_some_and(|most| place >= i64::from(most)) {
                return Ok(RedeemOutcome::UsedUp);
            }
            let redemption = Redemption::of(&found, user, at);
            let Redemption { id, campaign, credits, code_expires_at, credits_expire_at, plan, .. } = redemption.clone();
            let one = StoredUse {
                id: to_bson(id),
                code: hash.clone(),
                user: to_bson(user),
                nth: own,
                place,
                campaign,
                credits,
                code_expires_at,
                credits_expire_at,
                plan,
                at,
                posted: false,
            };
            let places = self.uses.clone();
            match run(async move { places.insert_one(one).await }).await {
                Ok(_) => return Ok(RedeemOutcome::Used(redemption)),
                // Somebody was faster: each such loss is another's gain, so this ends.
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn finish_use(&self, id: RedemptionId) -> StoreResult<()> {
        let (uses, posted) = (self.uses.clone(), doc! { "$set": { "posted": true } });
        run(async move { uses.update_one(doc! { "_id": to_bson(id) }, posted).await }).await?;
        Ok(())
    }

    async fn unfinished_uses(&self, before: i64, most: usize) -> StoreResult<Vec<Redemption>> {
        let (uses, old) = (self.uses.clone(), doc! { "posted": false, "at": { "$lt": before } });
        let most = to_i64(most);
        let found: Vec<StoredUse> =
            run(async move { uses.find(old).sort(doc! { "at": 1 }).limit(most).await?.try_collect().await }).await?;
        Ok(found.into_iter().map(StoredUse::read).collect())
    }

    async fn end_campaign(&self, campaign: &str) -> StoreResult<usize> {
        let (codes, of) = (self.codes.clone(), doc! { "campaign": campaign });
        let ended = run(async move { codes.update_many(of, doc! { "$set": { "ended": true } }).await }).await?;
        Ok(usize::try_from(ended.matched_count).unwrap_or(usize::MAX))
    }

    async fn campaigns(&self, now: i64) -> StoreResult<Vec<Campaign>> {
        #[derive(Deserialize)]
        struct Sum {
            #[serde(rename = "_id")]
            name: String,
            codes: i64,
            open: i64,
            uses: i64,
            #[serde(with = "micros")]
            credits: Amount,
        }
        let is_open = doc! { "$and": [
            { "$not": ["$ended"] },
            { "$or": [{ "$eq": [{ "$type": "$expiresAt" }, "null"] }, { "$gt": ["$expiresAt", now] }] },
        ] };
        let steps = [
            doc! { "$lookup": { "from": "codeUses", "localField": "_id", "foreignField": "code", "as": "uses" } },
            doc! { "$group": {
                "_id": "$campaign",
                "codes": { "$sum": 1_i64 },
                "open": { "$sum": { "$cond": [is_open, 1_i64, 0_i64] } },
                "uses": { "$sum": { "$toLong": { "$size": "$uses" } } },
                "credits": { "$sum": { "$sum": "$uses.credits" } },
            } },
            doc! { "$sort": { "_id": 1 } },
        ];
        let codes = self.codes.clone();
        let sums: Vec<Sum> =
            run(async move { codes.aggregate(steps).with_type::<Sum>().await?.try_collect().await }).await?;
        let read = |Sum { name, codes, open, uses, credits }: Sum| Campaign { name, codes, open, uses, credits };
        Ok(sums.into_iter().map(read).collect())
    }
}
