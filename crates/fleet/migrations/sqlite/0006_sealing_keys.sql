-- What secrets for the present process of a runtime are sealed to.
ALTER TABLE runtimes ADD COLUMN sealing_key TEXT;
