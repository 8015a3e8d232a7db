BEGIN TRANSACTION;
CREATE TABLE cell (
	tenant TEXT NOT NULL, 
	store TEXT NOT NULL, 
	store_sku TEXT NOT NULL, 
	location TEXT NOT NULL, 
	generation BIGINT DEFAULT '0' NOT NULL, 
	settled BIGINT DEFAULT '0' NOT NULL, 
	desired_quantity INTEGER, 
	desired_preorder INTEGER, 
	desired_days INTEGER, 
	known INTEGER DEFAULT '0' NOT NULL, 
	quantity INTEGER, 
	reserved INTEGER, 
	preorder INTEGER DEFAULT '0' NOT NULL, 
	days INTEGER, 
	confirmed_quantity INTEGER, 
	confirmed_at BIGINT, 
	succeeded_at BIGINT, 
	PRIMARY KEY (tenant, store, store_sku, location)
)
 WITHOUT ROWID

;
INSERT INTO "cell" VALUES('','lazada_ph','CUP','north',0,0,NULL,NULL,NULL,1,7,2,1,14,NULL,NULL,NULL);
INSERT INTO "cell" VALUES('','shopee_my','BOWL','',1,0,4,0,NULL,0,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "cell" VALUES('','shopee_my','JUG','',1,1,5,1,7,1,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "cell" VALUES('','shopee_my','MUG','',1,1,28,0,NULL,1,28,0,0,NULL,28,1772366460000,1772366460000);
CREATE TABLE meta (
	tenant TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value BIGINT NOT NULL, 
	PRIMARY KEY (tenant, name)
)
 WITHOUT ROWID

;
INSERT INTO "meta" VALUES('','last record',5);
INSERT INTO "meta" VALUES('','pushdsl.record',1);
CREATE TABLE record (
	tenant TEXT NOT NULL, 
	id BIGINT NOT NULL, 
	store TEXT NOT NULL, 
	store_sku TEXT NOT NULL, 
	location TEXT NOT NULL, 
	generation BIGINT NOT NULL, 
	sku TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	reason INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	"before" INTEGER, 
	quantity INTEGER NOT NULL, 
	preorder INTEGER NOT NULL, 
	days INTEGER, 
	detail TEXT NOT NULL, 
	code TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	count INTEGER NOT NULL, 
	PRIMARY KEY (tenant, id), 
	CONSTRAINT four_statuses CHECK (status IN ('Successfully', 'Failed', 'Pending', 'Skipped'))
)
 WITHOUT ROWID

;
INSERT INTO "record" VALUES('',1,'shopee_my','MUG','',1,'M-1','Beauty',1,'Successfully',3,28,0,NULL,'','','',1772366400000,1772366460000,1);
INSERT INTO "record" VALUES('',2,'shopee_my','JUG','',1,'M-1','Beauty',1,'Failed',9,5,1,7,'it''s locked','E 1','locked',1772366400000,1772366460000,1);
INSERT INTO "record" VALUES('',3,'shopee_my','MUG','',0,'M-1','Beauty',1,'Skipped',NULL,28,0,NULL,'unchanged','','',1772366580000,1772366580000,2);
INSERT INTO "record" VALUES('',5,'shopee_my','BOWL','',1,'M-1','Beauty',1,'Pending',9,4,0,NULL,'','','',1772366640000,NULL,1);
CREATE INDEX record_by_time ON record (tenant, created_at);
CREATE INDEX record_failed ON record (tenant, created_at) WHERE status = 'Failed';
CREATE INDEX record_of_sku ON record (tenant, sku);
CREATE INDEX record_pending ON record (tenant, status) WHERE status = 'Pending';
CREATE INDEX record_of_cell ON record (tenant, store, store_sku, location, id);
COMMIT;
