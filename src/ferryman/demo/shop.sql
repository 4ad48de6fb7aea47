-- The shop: tables of every sort a real one has, filled by the server itself (about 420,000 rows).
create database shop character set utf8mb4 collate utf8mb4_general_ci;
use shop;

create table shop.customers (
  id bigint unsigned not null auto_increment primary key,
  email varchar(120) not null comment 'sign-in name',
  name varchar(80) not null,
  status enum('new', 'active', 'blocked') not null default 'new',
  interests set('books', 'music', 'garden', 'tools') not null default '',
  balance decimal(20, 4) not null default 0,
  born date,
  preferences json,
  joined_at datetime(6) not null default current_timestamp(6),
  unique key email (email),
  key status (status, joined_at)
) comment = 'who buys';

create table shop.addresses (
  customer_id bigint unsigned not null,
  kind enum('home', 'work', 'gift') not null,
  street varchar(120) not null,
  city varchar(60) collate utf8mb4_bin not null,
  primary key (customer_id, kind),
  constraint address_of foreign key (customer_id) references shop.customers (id) on delete cascade
);

create table shop.categories (
  id int unsigned not null primary key,
  parent_id int unsigned,
  name varchar(60) not null,
  constraint category_parent foreign key (parent_id) references shop.categories (id)
);

create table shop.products (
  id int unsigned not null auto_increment primary key,
  sku varchar(20) not null,
  name varchar(120) not null,
  price decimal(12, 2) not null,
  weight double,
  shine float,
  flags bit(12) not null default b'0',
  thumbnail blob,
  attributes json,
  changed_at timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
  unique key sku (sku)
);

create table shop.product_categories (
  product_id int unsigned not null,
  category_id int unsigned not null,
  primary key (product_id, category_id),
  key category (category_id),
  constraint listed_product foreign key (product_id) references shop.products (id),
  constraint listed_category foreign key (category_id) references shop.categories (id)
);

create table shop.warehouses (
  code char(4) not null primary key,
  city varchar(60) not null,
  opens time not null,
  founded year not null
);

create table shop.stock (
  warehouse char(4) not null,
  product_id int unsigned not null,
  pieces int not null,
  counted_on date not null,
  primary key (warehouse, product_id),
  constraint stock_product foreign key (product_id) references shop.products (id)
);

create table shop.orders (
  id bigint unsigned not null auto_increment primary key,
  customer_id bigint unsigned not null,
  status enum('open', 'paid', 'sent', 'cancelled') not null default 'open',
  total decimal(14, 2) not null,
  placed_at datetime(6) not null,
  remark varchar(200),
  key customer (customer_id),
  key placed (placed_at),
  constraint order_customer foreign key (customer_id) references shop.customers (id)
);

create table shop.order_items (
  order_id bigint unsigned not null,
  line smallint unsigned not null,
  product_id int unsigned not null,
  pieces mediumint not null,
  price decimal(12, 2) not null,
  primary key (order_id, line),
  constraint item_order foreign key (order_id) references shop.orders (id) on delete cascade
);

create table shop.payments (
  id binary(16) not null primary key,
  order_id bigint unsigned not null,
  amount decimal(14, 2) not null,
  card_token varbinary(32),
  paid_at datetime(3) not null,
  key paid_order (order_id)
);

create table shop.reviews (
  id int unsigned not null auto_increment primary key,
  product_id int unsigned not null,
  stars tinyint unsigned not null,
  words text,
  key product (product_id)
);

create table shop.page_views (
  seen_at datetime(3) not null,
  path varchar(100) not null,
  milliseconds smallint unsigned not null
) comment = 'no key: the same line may stand here many times';

create view shop.open_orders as
  select o.id, c.name, o.total, o.placed_at
  from shop.orders o join shop.customers c on c.id = o.customer_id
  where o.status = 'open';

insert into shop.customers (email, name, status, interests, balance, born, preferences, joined_at)
  select concat('person', seq, '@example.org'), elt(1 + seq % 5, 'Zoë 🌷', '李小龙', 'Ørjan', 'Anna "A" O''Hara', 'Иван 🚀'),
    1 + seq % 3, seq % 16, (seq * 7919) % 1000000 / 7 - 5000, if(seq % 11 = 0, null, date_add('1940-01-01', interval seq % 24000 day)),
    json_object('theme', elt(1 + seq % 2, 'dark', 'light'), 'newsletter', seq % 3 = 0, 'limit', seq / 4),
    date_add('2019-01-01 00:00:00.000001', interval seq * 1777 second)
  from seq_1_to_40000;

insert into shop.addresses
  select seq, 1 + seq % 3, concat(seq % 300, ' Harbour Road'), elt(1 + seq % 4, 'Bergen', '上海', 'Lübeck', 'Ferry 🛶')
  from seq_1_to_40000;

insert into shop.categories
  select seq, if(seq <= 20, null, 1 + seq % 20), concat('Category ', seq) from seq_1_to_200;

insert into shop.products (sku, name, price, weight, shine, flags, thumbnail, attributes, changed_at)
  select concat('SKU-', lpad(seq, 6, '0')), concat('Thing No. ', seq), (seq * 37) % 90000 / 100 + 0.99, seq / 7, seq / 3,
    seq % 4096, unhex(repeat(sha2(seq, 256), 1 + seq % 8)), json_object('colour', elt(1 + seq % 3, 'red', 'grün', '蓝'), 'sizes', json_array(seq % 5, seq % 7)),
    date_add('2024-03-01 10:00:00.250', interval seq second)
  from seq_1_to_5000;

insert into shop.product_categories select seq, 1 + seq % 200 from seq_1_to_5000;
insert into shop.product_categories select seq, 1 + (seq + 77) % 200 from seq_1_to_5000;

insert into shop.warehouses values
  ('BGO', 'Bergen', '07:30:00', 1998), ('SHA', '上海', '06:00:00', 2011), ('LBC', 'Lübeck', '08:00:00', 2004), ('HAM', 'Hamburg', '05:45:00', 1971);

insert into shop.stock
  select elt(1 + seq % 4, 'BGO', 'SHA', 'LBC', 'HAM'), 1 + (seq - 1) div 4, (seq * 31) % 500, date_add('2025-01-01', interval seq % 600 day)
  from seq_1_to_20000;

insert into shop.orders (customer_id, status, total, placed_at, remark)
  select 1 + (seq * 31) % 39000, 1 + seq % 4, (seq * 101) % 900000 / 100, date_add('2025-01-01 08:00:00.000123', interval seq * 457 second),
    if(seq % 5 = 0, concat('leave it\tat the door\n№ ', seq, ' 📦'), null)
  from seq_1_to_80000;

insert into shop.order_items
  select 1 + (seq - 1) div 2, seq % 2, 1 + (seq * 13) % 5000, 1 + seq % 6, (seq * 37) % 90000 / 100
  from seq_1_to_140000;

insert into shop.payments
  select unhex(md5(seq)), seq, (seq * 101) % 900000 / 100, unhex(left(sha1(seq), 24)), date_add('2025-01-01 09:00:00.5', interval seq * 457 second)
  from seq_1_to_60000;

insert into shop.reviews (product_id, stars, words)
  select 1 + (seq * 17) % 5000, seq % 6, concat(repeat('Very good indeed. ', seq % 9), elt(1 + seq % 3, '👍', 'C:\\temp', 'naïve'))
  from seq_1_to_15000;

insert into shop.page_views
  select date_add('2026-01-01', interval seq % 5000 second), concat('/product/', seq % 50), seq % 3
  from seq_1_to_20000;
