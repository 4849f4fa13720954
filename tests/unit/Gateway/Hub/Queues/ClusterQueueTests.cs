using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Tests.Hub.Broker;
using Mooring.Gateway.Tests.Hub.Resp;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Queues;

public sealed class ClusterQueueTests(SharedCluster cluster) : HubQueueTests, IClassFixture<SharedCluster>
{
    private RedisBroker? _broker;

    public override async Task DisposeAsync() => await _broker!.DisposeAsync();

    private protected override IHubQueues Create(string space)
    {
        var settings = RespClientTests.Patient(cluster.Cluster.Nodes[0].Port) with { Cluster = true };
        _broker = new RedisBroker($"default/{space}", settings, TimeProvider.System, Limit);
        _broker.Start(new Received());
        return _broker.Queues;
    }

    private protected override Task PrepareAsync(string queue) =>
        Until.TrueAsync(async () => await _broker!.SubscribeAsync(queue) == BrokerStatus.Ok && _broker.IsAvailable, Limit, "subscribed");
}
