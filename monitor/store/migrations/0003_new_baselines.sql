-- A change may say that what comes after it is meant to be so.
ALTER TABLE changes ADD COLUMN IF NOT EXISTS new_baseline Bool DEFAULT false AFTER author_ref;
