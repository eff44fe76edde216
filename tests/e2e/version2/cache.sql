BEGIN TRANSACTION;
CREATE TABLE mapping (
	source TEXT NOT NULL, 
	item_id TEXT NOT NULL, 
	version TEXT NOT NULL, 
	recipe TEXT NOT NULL, 
	algorithm TEXT, 
	digest TEXT, 
	unusable TEXT, 
	recorded_at BIGINT, 
	PRIMARY KEY (source, item_id, version, recipe)
);
INSERT INTO "mapping" VALUES('immich','23901e06-b1b8-4d1a-96ba-1eef3cbc75da','w3+S6t1490b4pZ6OGDq7B5DmFMw=@1500001200000','original','md5','9c40f8b861522cb8d880dcab7501409d',NULL,1795964247275266);
INSERT INTO "mapping" VALUES('immich','b6d4050a-d887-4e51-ae2d-1809fe6aed66','bHFF/vO+p9YL3I/6QYst86zs6m4=@1500001260000','original','md5','7ffad35ea0eb2ce39f66cbf7724e6624',NULL,1795964247275335);
INSERT INTO "mapping" VALUES('sharedlinks','AF1QipL4050KTNHgzDg6EbPkG2N-FOGW3VlSCxc7sCpr','jUi-3LI9zpgSkqdXdBsw3jSkx0c','original','md5','6e78c607f470ada53f6e414cd1f8d20a',NULL,1795964247275195);
INSERT INTO "mapping" VALUES('sharedlinks','AF1Qipsluz5Kijl1o2yKE-N7h5QaIjMpsoCx8Pb7TAFg','6-aTpW3vGplIwXzaTh_r6XLPqkg','original','md5','9344bdf0493d6b8de7f5d862ff530ccc',NULL,1795964247275111);
INSERT INTO "mapping" VALUES('sharedlinks','AF1QipxwvgGLg38j2iYnZ_nmPgNS0cS7n_7lui_NiTmg','3sQTc-5BUPCFJsvGLjq4_5CnJgY','original','md5','bc21d2614357fa84de1278925ff660fb',NULL,1795964247274950);
INSERT INTO "mapping" VALUES('immich','311b3506-a442-4bbe-bc80-a0db719e2f51','vn9euXWHyF6PvnjcsU+SWwj7yKE=@1500001320000','original','md5','36213bc5ac8ecae29a02bbe47437c6fd',NULL,1795964247279607);
INSERT INTO "mapping" VALUES('folder','<folder>/photos/30.jpg','5000:1500000000000000000:2770235','original','md5','4016561b033eb8b4f3f32b40d528e0e8',NULL,1795964247303885);
INSERT INTO "mapping" VALUES('folder','<folder>/photos/31.jpg','5000:1500000000000000000:2770236','original','md5','57ac077bf553a5e251c4d3affa0690df',NULL,1795964247303985);
INSERT INTO "mapping" VALUES('folder','<folder>/photos/32.jpg','5000:1500000000000000000:2770237','original','md5','913b227432dc1acd524f23c04aeeb978',NULL,1795964247309111);
INSERT INTO "mapping" VALUES('googlephotos','J2lA468_SFAe4jGGVd-iEbKvJOMCFM4c8MqAvo6RK9tZNUeUcV1dg9w874XSlqi4qHyVg6mE6pn8U_eQ_9rg7Q','','original','md5','799609b490b5589d3568d40381a23d64',NULL,1795964247308982);
INSERT INTO "mapping" VALUES('googlephotos','jKwvk_eKT-2aHdOhu8brVPcw2_tziVLTyvSNvclajnZaJFF-sDeOQxEC6eAr4rZwnsj-SRhur_r8yCvA18LvLw','','original','md5','a6066bf8e909679914db19a0ed47a3be',NULL,1795964247300696);
INSERT INTO "mapping" VALUES('googlephotos','18KsGmUishejpxUCPKctuk98SagYwxp1R-GPUd4Bp0BG1G4Cio45GjW_z4Ylwdv_kNPy2tDZ-7pAN3G7klDEuQ','','original','md5','20b0a69c295e416b4338b6b47e0da07d',NULL,1795964247321145);
CREATE TABLE picsync_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT picsync_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "picsync_schema" VALUES('0001');
COMMIT;
