using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Tests.Gateways;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class GatewayPublisherTests
{
    private static readonly ObjectKey Key = ObjectKey.Parse(StreamFixture.Fleet);

    [Fact]
    public async Task Publish_Paused_HoldsTheConfigAndFollowsThePods()
    {
        await using var stream = await StreamFixture.StartAsync();
        var publisher = new GatewayPublisher(stream.Hub);
        var fleet = Fleets.Load(
            Fleets.Small.Replace("{name: small, namespace: shop}", "{name: edge, namespace: default}", StringComparison.Ordinal)
        );
        publisher.Publish(Key, Plan(fleet), Endpoints("10.0.0.1")).ShouldBeNull();
        using var gateway = await stream.JoinAsync("g0");
        var hash = (await stream.ReceiveAsync<ConfigMessage>(gateway)).Hash;
        (await stream.ReceiveAsync<EndpointsMessage>(gateway)).Endpoints.Single().Address.ShouldBe("10.0.0.1");

        var paused = fleet with { Spec = fleet.Spec with { Paused = true } };
        publisher.Publish(Key, Plan(paused), Endpoints("10.0.0.2")).ShouldBeNull();
        (await stream.ReceiveAsync<EndpointsMessage>(gateway)).Endpoints.Single().Address.ShouldBe("10.0.0.2");

        var edited = paused with { Spec = paused.Spec with { Listeners = [paused.Spec.Listeners[0] with { Port = 9001 }] } };
        publisher.Publish(Key, Plan(edited), Endpoints("10.0.0.3")).ShouldBeNull();
        stream.Hub.View(StreamFixture.Fleet).DesiredHash.ShouldBe(hash);
    }

    /// <summary>A new leader has told nobody anything.</summary>
    [Fact]
    public async Task Publish_PausedByANewLeader_GoesByTheConfigThatTheGatewaysHave()
    {
        await using var stream = await StreamFixture.StartAsync();
        var publisher = new GatewayPublisher(stream.Hub);
        var fleet = Fleets.Load(
            Fleets.Small.Replace("{name: small, namespace: shop}", "{name: edge, namespace: default}", StringComparison.Ordinal)
        );
        var plan = Plan(fleet with { Spec = fleet.Spec with { Paused = true } });
        publisher.Publish(Key, plan, Endpoints("10.0.0.1")).ShouldBeNull();
        stream.Hub.View(StreamFixture.Fleet).DesiredHash.ShouldBeNull("nobody has said what is in force");

        using var gateway = await stream.JoinAsync("g0", plan.ConfigHash);
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        publisher.Publish(Key, plan, Endpoints("10.0.0.2")).ShouldBeNull();

        var view = stream.Hub.View(StreamFixture.Fleet);
        (view.DesiredHash, view.AckedSummary).ShouldBe((plan.ConfigHash, "1/1"));
        (await stream.ReceiveAsync<ConfigMessage>(gateway)).Hash.ShouldBe(plan.ConfigHash);
        (await stream.ReceiveAsync<EndpointsMessage>(gateway)).Endpoints.Single().Address.ShouldBe("10.0.0.2");
    }

    [Fact]
    public async Task Publish_PausedByANewLeaderAndEdited_TellsNobody()
    {
        await using var stream = await StreamFixture.StartAsync();
        var fleet = Fleets.Load(
            Fleets.Small.Replace("{name: small, namespace: shop}", "{name: edge, namespace: default}", StringComparison.Ordinal)
        );
        using var one = await stream.JoinAsync("g0", Plan(fleet).ConfigHash);
        using var other = await stream.JoinAsync("g1", "of-an-earlier-edit");
        await stream.UntilAsync(static view => view.Gateways.Count == 2);

        new GatewayPublisher(stream.Hub)
            .Publish(Key, Plan(fleet with { Spec = fleet.Spec with { Paused = true } }), Endpoints("10.0.0.1"))
            .ShouldBeNull();

        stream.Hub.View(StreamFixture.Fleet).DesiredHash.ShouldBeNull();
    }

    /// <summary>Its pods have no such folder: they would refuse the config as a whole, and say so of a fleet that is being rolled out as it should.</summary>
    [Fact]
    public async Task Publish_OneMoreSecret_OlderGatewaysKeepTheirConfigAndFollowThePods()
    {
        await using var stream = await StreamFixture.StartAsync();
        var publisher = new GatewayPublisher(stream.Hub);
        var before = Fleets.Small.Replace("{name: small, namespace: shop}", "{name: edge, namespace: default}", StringComparison.Ordinal);
        var plan = Plan(Fleets.Load(before));
        publisher.Publish(Key, plan, Endpoints("10.0.0.1")).ShouldBeNull();
        using var older = await stream.JoinAsync("g0");
        (await stream.ReceiveAsync<ConfigMessage>(older)).Hash.ShouldBe(plan.ConfigHash);
        await stream.ReceiveAsync<EndpointsMessage>(older);

        var edited = Fleets.Load(
            before.Replace("backend: app}", "backend: app, tls: {certificateRefs: [{name: web}]}}", StringComparison.Ordinal),
            2
        );
        var fresh = Plan(edited);
        fresh.Revision.ShouldNotBe(plan.Revision);
        var next = FleetPlanner.Plan(
            new FleetInput
            {
                Fleet = edited,
                DefaultGatewayImage = "gateway",
                Deployments = [Gateways(plan), Gateways(fresh)],
                Pods = [Pod("g0", plan.Revision), Pod("g1", fresh.Revision)],
            }
        );
        next.Withheld.ShouldBe(["g0"]);
        publisher.Publish(Key, next, Endpoints("10.0.0.2")).ShouldBeNull();
        (await stream.ReceiveAsync<EndpointsMessage>(older)).Endpoints.Single().Address.ShouldBe("10.0.0.2");
        using var newer = await stream.JoinAsync("g1");
        (await stream.ReceiveAsync<ConfigMessage>(newer)).Hash.ShouldBe(next.ConfigHash);
        using var back = await stream.JoinAsync("g0", plan.ConfigHash);
        await stream.ReceiveAsync<EndpointsMessage>(back);

        publisher.Publish(Key, next with { Withheld = [] }, Endpoints("10.0.0.2")).ShouldBeNull();
        (await stream.ReceiveAsync<ConfigMessage>(back)).Hash.ShouldBe(next.ConfigHash);
    }

    private static Deployment Gateways(FleetPlan plan) =>
        plan.Objects.OfType<Deployment>().Single(one => one.Metadata.Name == plan.GatewayDeployment);

    private static Pod Pod(string name, string revision) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string>
                {
                    [ResourceLabels.Role] = ResourceLabels.GatewayRole,
                    [ResourceLabels.Revision] = revision,
                },
            },
        };

    private static FleetPlan Plan(ConnectionFleet fleet) =>
        FleetPlanner.Plan(new FleetInput { Fleet = fleet, DefaultGatewayImage = "gateway" });

    private static Dictionary<string, IReadOnlyList<EndpointInfo>> Endpoints(string address) =>
        new()
        {
            ["app"] =
            [
                new EndpointInfo
                {
                    Id = "app-0",
                    Address = address,
                    Port = 8080,
                },
            ],
        };
}
