-- Tables, indices, triggers, views, constraints, joins, aggregates, windows, recursion, full text, R-tree, JSON, transactions, blobs.
pragma foreign_keys = on;
create table customer (id integer primary key, name text not null unique, born date, note text collate nocase);
create table item (id integer primary key, title text, price numeric check (price >= 0), stock integer default 0);
create table sale (id integer primary key, customer_id integer references customer on delete cascade, item_id integer references item,
                   quantity integer not null, at text);
create table audit (what text, n integer);
create index sale_customer on sale (customer_id, at);
create index item_price on item (price) where stock > 0;
create index customer_note on customer (lower(note));
create trigger sale_added after insert on sale begin
  update item set stock = stock - new.quantity where id = new.item_id;
  insert into audit values ('sale', new.quantity);
end;
create view turnover as select c.name, sum(s.quantity * i.price) as total from sale s join customer c on c.id = s.customer_id
  join item i on i.id = s.item_id group by c.id;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
insert into customer select i, 'customer ' || i, date('1950-01-01', '+' || (i * 37 % 20000) || ' days'), case i % 3 when 0 then 'Good' when 1 then 'NEW' end from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
insert into item select i, 'item ' || printf('%04d', i * 7919 % 10007), i * 13 % 997 / 10.0, 1000000 from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
insert into sale select i, i * 7 % 3000 + 1, i * 11 % 500 + 1, i % 5 + 1, datetime(1500000000 + i * 977, 'unixepoch') from n;
commit;
select count(*), sum(quantity), min(at), max(at) from sale;
select name, printf('%.2f', total) from turnover order by total desc, name limit 10;
select strftime('%Y-%m', at) as month, count(*), total(quantity) from sale group by month order by month limit 12;
select c.name, s.at, sum(s.quantity) over (partition by c.id order by s.at rows between 2 preceding and current row),
  rank() over (order by s.quantity desc, s.id) from sale s join customer c on c.id = s.customer_id where c.id < 4 order by c.id, s.at limit 20;
select i.title, (select count(*) from sale where item_id = i.id) as sold from item i where price between 20 and 21 order by sold desc, title limit 8;
select name from customer where name glob '*99' and note is not null except select name from customer where born < '1960-01-01' order by 1 limit 7;
explain query plan select * from sale where customer_id = 5 order by at;
savepoint one; delete from customer where id % 10 = 0; select count(*) from sale; rollback to one; release one; select count(*) from sale;
delete from customer where id % 100 = 7; select count(*) from sale; select count(*), sum(n) from audit;
insert into customer values (1, 'again', null, null);
insert into customer values (90001, 'customer 5', null, null);
insert into item values (90001, 'cheap', -1, 0);
insert into sale values (90001, 424242, 1, 1, null);
insert into customer (id, name) values (1, 'x') on conflict (id) do update set note = 'upserted ' || excluded.name returning id, note;
update item set price = round(price * 1.07, 2) where id in (select item_id from sale group by item_id having count(*) > 80);
select sum(price), count(distinct price) from item;
create virtual table page using fts5 (title, body);
insert into page select 'page ' || id, title || ' ' || case when id % 2 then 'the quick brown fox' else 'a lazy dog sleeps' end from item;
select count(*) from page where page match 'quick AND fox'; select title from page where page match '"lazy dog"' order by rank, rowid limit 3;
create virtual table box using rtree (id, x0, x1, y0, y1);
insert into box select id, id % 50, id % 50 + 1, id / 50, id / 50 + 1 from item;
select count(*) from box where x0 >= 10 and x1 <= 20 and y0 >= 2 and y1 <= 6;
select json_extract('{"a":[1,2,{"b":"c"}]}', '$.a[2].b'), json_group_array(id) from (select id from item limit 5);
select hex(zeroblob(4)), typeof(x'00ff'), length(randomblob(100)), quote(1e100), 9223372036854775807 + 1, 1 / 0, 7 % 3, -7 / 2;
select abs(-5), upper('abc'), substr('hello', 2, 3), replace('aXbX', 'X', '-'), trim('  x '), instr('hello', 'l'), unicode('€'), char(8364);
with recursive mandel(y, x, zr, zi, n) as (select y, x, 0.0, 0.0, 0 from (with recursive a(y) as (select -1.0 union all select y + 0.1 from a where y < 1.0) select y from a),
  (with recursive b(x) as (select -2.0 union all select x + 0.05 from b where x < 0.8) select x from b)
  union all select y, x, zr * zr - zi * zi + x, 2 * zr * zi + y, n + 1 from mandel where zr * zr + zi * zi < 4 and n < 28)
select group_concat(substr(' .+*#', 1 + min(n / 7, 4), 1), '') from (select y, x, max(n) as n from mandel group by y, x) group by y;
vacuum;
analyze;
pragma integrity_check;
pragma foreign_key_check;
