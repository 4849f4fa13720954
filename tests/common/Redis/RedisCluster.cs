namespace Mooring.Testing.Redis;

/// <summary>A real Redis Cluster of three masters on loopback, each with a third of the slots.</summary>
public sealed class RedisCluster : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private RedisCluster(IReadOnlyList<RedisServer> nodes) => Nodes = nodes;

    public IReadOnlyList<RedisServer> Nodes { get; }

    /// <summary>Starts it and waits until every node knows where each slot is.</summary>
    public static async Task<RedisCluster> StartAsync()
    {
        var nodes = new List<RedisServer>();
        for (var i = 0; i < 3; i++)
        {
            nodes.Add(
                await RedisServer.StartAsync(() =>
                    [
                        "--cluster-enabled",
                        "yes",
                        "--cluster-port",
                        $"{Ports.Free()}",
                        "--cluster-node-timeout",
                        // Long enough for a busy machine: a node that is taken for dead takes the whole cluster down for a moment.
                        "10000",
                        "--cluster-config-file",
                        "nodes.conf",
                    ]
                )
            );
        }

        var cluster = new RedisCluster(nodes);
        string[] ranges = ["0 5460", "5461 10922", "10923 16383"];
        for (var i = 0; i < 3; i++)
        {
            await nodes[i].CliAsync(["CLUSTER", "ADDSLOTSRANGE", .. ranges[i].Split(' ')]);
            if (i > 0)
            {
                var bus = (await nodes[i].CliAsync("CONFIG", "GET", "cluster-port")).Split('\n')[1].Trim();
                await nodes[0].CliAsync("CLUSTER", "MEET", "127.0.0.1", $"{nodes[i].Port}", bus);
            }
        }

        await Until.TrueAsync(
            async () =>
            {
                foreach (var node in nodes)
                {
                    var info = await node.CliAsync("CLUSTER", "INFO");
                    if (
                        !info.Contains("cluster_state:ok", StringComparison.Ordinal)
                        || !info.Contains("cluster_known_nodes:3", StringComparison.Ordinal)
                    )
                    {
                        return false;
                    }
                }

                return true;
            },
            Limit,
            "the cluster is whole"
        );
        return cluster;
    }

    /// <summary>A node's name in the cluster.</summary>
    public Task<string> IdAsync(int node) => Nodes[node].CliAsync("CLUSTER", "MYID");

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }
    }
}
