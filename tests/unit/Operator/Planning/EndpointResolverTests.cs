using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class EndpointResolverTests
{
    private static readonly EndpointSourcePlan Source = new("app", "web", 80);

    [Fact]
    public void Resolve_ReadyNotReadyAndGoing_AreToldApart()
    {
        var slice = Slice(
            "web-1",
            Endpoint("a", "10.0.0.1"),
            Endpoint("b", "10.0.0.2", ready: false),
            Endpoint("c", "10.0.0.3", ready: false, terminating: true)
        );

        EndpointResolver
            .Resolve(Source, Service(), [slice])
            .Select(info => (info.Id, info.Address, info.Port, info.Draining))
            .ShouldBe([("a", "10.0.0.1", 8080, false), ("c", "10.0.0.3", 8080, true)]);
    }

    [Fact]
    public void Resolve_TerminatingAndNotServing_IsLeftOut()
    {
        var gone = Endpoint("a", "10.0.0.1", ready: false, terminating: true);
        gone.Conditions!.Serving = false;

        EndpointResolver.Resolve(Source, Service(), [Slice("web-1", gone)]).ShouldBeEmpty();
    }

    [Fact]
    public void Resolve_PodInTwoSlices_IsThereOnceAndServing()
    {
        var stale = Slice("web-1", Endpoint("a", "10.0.0.1", ready: false, terminating: true));
        var fresh = Slice("web-2", Endpoint("a", "10.0.0.1"));

        EndpointResolver.Resolve(Source, Service(), [stale, fresh]).ShouldHaveSingleItem().Draining.ShouldBeFalse();
    }

    [Fact]
    public void Resolve_DualStack_TakesTheFirstFamily()
    {
        var six = Slice("web-1", Endpoint("a", "fd00::1"));
        six.AddressType = "IPv6";

        EndpointResolver
            .Resolve(Source, Service(), [six, Slice("web-2", Endpoint("a", "10.0.0.1"))])
            .ShouldHaveSingleItem()
            .Address.ShouldBe("10.0.0.1");
    }

    [Fact]
    public void Resolve_NoServicePortOrSliceOfIt_IsEmpty()
    {
        var slice = Slice("web-1", Endpoint("a", "10.0.0.1"));
        var other = Slice("web-1", Endpoint("a", "10.0.0.1"));
        other.Metadata.Labels![EndpointSlice.ServiceNameLabel] = "another";

        EndpointResolver.Resolve(Source, null, [slice]).ShouldBeEmpty();
        EndpointResolver.Resolve(Source with { ServicePort = 81 }, Service(), [slice]).ShouldBeEmpty();
        EndpointResolver.Resolve(Source, Service(), [other]).ShouldBeEmpty();
    }

    [Fact]
    public void Resolve_EndpointWithoutPod_IsNamedByItsAddress()
    {
        var endpoint = Endpoint("", "10.9.9.9");
        endpoint.TargetRef = null;
        endpoint.Conditions = null;

        EndpointResolver.Resolve(Source, Service(), [Slice("web-1", endpoint)]).ShouldHaveSingleItem().Id.ShouldBe("10.9.9.9");
    }

    /// <summary>As amid a change of <c>workload.port</c>: the pods of before stand where they listen, whether or not the Service has been written yet.</summary>
    [Fact]
    public void Resolve_WorkloadWhosePortChanges_HasBothPortsPods()
    {
        var (before, after) = (Slice("web-1", Endpoint("a", "10.0.0.1")), Slice("web-2", Endpoint("b", "10.0.0.2")));
        before.Ports =
        [
            new SlicePort
            {
                Name = "app-udp",
                Port = 8080,
                Protocol = "UDP",
            },
        ];
        after.Ports =
        [
            new SlicePort { Name = "app", Port = 9090 },
            new SlicePort
            {
                Name = "app-udp",
                Port = 9090,
                Protocol = "UDP",
            },
        ];

        EndpointResolver
            .Resolve(Source with { ServicePort = null }, Service(), [before, after])
            .Select(static info => (info.Id, info.Port))
            .ShouldBe([("a", 8080), ("b", 9090)]);
    }

    [Fact]
    public void Resolve_ServiceOfPodsWithPortsByName_GoesByEachSlicesNumber()
    {
        var (before, after) = (Slice("web-1", Endpoint("a", "10.0.0.1")), Slice("web-2", Endpoint("b", "10.0.0.2")));
        after.Ports!.Single(static port => port.Name == "http").Port = 9090;

        EndpointResolver.Resolve(Source, Service(), [before, after]).Select(static info => info.Port).ShouldBe([8080, 9090]);
    }

    private static Service Service() =>
        new()
        {
            Spec = new ServiceSpec
            {
                Ports =
                [
                    new ServicePort { Name = "metrics", Port = 9100 },
                    new ServicePort
                    {
                        Name = "http",
                        Port = 80,
                        Protocol = "TCP",
                    },
                ],
            },
        };

    private static EndpointSlice Slice(string name, params SliceEndpoint[] endpoints) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Labels = new() { [EndpointSlice.ServiceNameLabel] = "web" },
            },
            AddressType = "IPv4",
            Ports =
            [
                new SlicePort { Name = "metrics", Port = 9100 },
                new SlicePort
                {
                    Name = "http",
                    Port = 8080,
                    Protocol = "TCP",
                },
            ],
            Endpoints = [.. endpoints],
        };

    private static SliceEndpoint Endpoint(string pod, string address, bool ready = true, bool terminating = false) =>
        new()
        {
            Addresses = [address],
            TargetRef = new EndpointTarget { Kind = "Pod", Name = pod },
            Conditions = new SliceEndpointConditions
            {
                Ready = ready,
                Serving = true,
                Terminating = terminating,
            },
        };
}
