//! Steps of the schema that give what there is its place.

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};

use super::{Durability, Mongo, StoreResult};

/// Gives each message its place in its conversation, in the order of the ids that told it before.
pub(super) async fn give_places(mongo: &Mongo) -> StoreResult<()> {
    let index = IndexModel::builder().keys(doc! { "conversation": 1, "place": 1 }).build();
    mongo.collection::<Document>("messages", Durability::Durable).create_index(index).await?;
    let messages = mongo.collection::<Document>("messages", Durability::Durable);
    let merge = |into: &str| doc! { "into": into, "on": "_id", "whenMatched": "merge", "whenNotMatched": "discard" };
    let place = doc! {
        "partitionBy": "$conversation",
        "sortBy": { "_id": 1 },
        "output": { "place": { "$documentNumber": {} } },
    };
    let of_messages = vec![
        doc! { "$setWindowFields": place },
        doc! { "$project": { "place": { "$toLong": "$place" } } },
        doc! { "$merge": merge("messages") },
    ];
    let of_conversations = vec![
        doc! { "$group": { "_id": "$conversation", "lastPlace": { "$max": "$place" } } },
        doc! { "$merge": merge("conversations") },
    ];
    for pipeline in [of_messages, of_conversations] {
        // Not bounded by a request's patience: there may be many.
        messages.aggregate(pipeline).allow_disk_use(true).await?;
    }
    Ok(())
}

/// Gives each image its place among those of its user, in the order of the ids that told it before.
pub(super) async fn give_places_to_images(mongo: &Mongo) -> StoreResult<()> {
    let images = mongo.collection::<Document>("images", Durability::Durable);
    let place = doc! {
        "partitionBy": "$user",
        "sortBy": { "_id": 1 },
        "output": { "place": { "$documentNumber": {} } },
    };
    let pipeline = vec![
        doc! { "$match": { "user": { "$exists": true } } },
        doc! { "$setWindowFields": place },
        doc! { "$project": { "place": { "$toLong": "$place" } } },
        doc! { "$merge": { "into": "images", "on": "_id", "whenMatched": "merge", "whenNotMatched": "discard" } },
    ];
    images.aggregate(pipeline).allow_disk_use(true).await?;
    Ok(())
}
