create table t (id bigint primary key, name varchar, n int, at timestamp);
insert into t values (1, 'a', 2, null), (2, 'b', 3, null), (3, 'c', 5, null);
create table u (id bigint, t_id bigint, weight double);
create table ties (src bigint, dst bigint);
insert into ties values (1, 2), (2, 3);
insert into u values (1, 1, 0.5), (2, 1, 1.5), (3, 3, 2.5);
create graph g nodes (Tool key(name)) edges (Calls from Tool to Tool) using graphstore;
insert node Tool key 'planner' graph g; insert node Tool key 'shell' graph g;
insert edge planner -> shell etype Calls graph g;
create graph links nodes (T key(id)) edges (To from T to T) using tables (nodes=t, edges=ties);
create store s; write key docs in s = [{"a": 1}, {"a": 2}]; write key n in s = 7
