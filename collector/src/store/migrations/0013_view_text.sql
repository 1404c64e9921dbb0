-- What the views in this file were made of, and how the engine tells them since: to make all of them again takes most of
-- an opening. `standing_sha256` is NULL until the first opening after they were made, when the engine has read them anew.
CREATE TABLE ledger.view_text (text_sha256 VARCHAR NOT NULL, standing_sha256 VARCHAR);
