-- What is asked in a conversation: a model or an alias, as it is picked by; tessera: whoever can; NULL: nobody has said.
ALTER TABLE conversations ADD COLUMN picked TEXT;
