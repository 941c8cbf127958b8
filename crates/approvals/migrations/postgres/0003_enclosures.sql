-- What is told to one person alone and stands nowhere else, sealed; taken away when it has arrived.
ALTER TABLE notification_deliveries ADD COLUMN enclosed BYTEA;
