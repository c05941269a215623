-- What lind-bench times: inserts, an index, joins, groups, sorting, text, updates and deletions, in memory.
create table line(id integer primary key, account integer, name text, amount real, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
insert into line select i, (i * 7919) % 1009, 'name ' || ((i * 31) % 5003), (i * 17) % 997 / 8.0,
  substr('the quick brown fox jumps over the lazy dog', 1 + i % 30, 12) from n;
create index line_account on line(account, amount);
create index line_name on line(name);
select account, count(*), sum(amount), max(note) from line group by account order by 3 desc, 1 limit 5;
select a.name, count(*) from line a join line b on b.account = a.account and b.id between a.id and a.id + 9000
  where a.id % 97 = 0 group by a.name order by 2 desc, 1 limit 5;
select count(*), sum(length(note)), sum(instr(note, 'fox')) from line where note like '%fox%' or name glob '*7?1';
update line set amount = amount * 1.5, name = upper(name) where account % 3 = 0;
delete from line where id % 7 = 0;
select name, amount, row_number() over (partition by account order by amount desc) from line order by amount desc, id limit 5;
select count(distinct name), count(distinct note), total(amount) from line;
pragma integrity_check;
