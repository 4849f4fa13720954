using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;

namespace Mooring.Gateway.Tests.Backends;

public sealed class EndpointResolverTests
{
    [Fact]
    public async Task Resolve_Names_AreAskedAndTheRestIsTakenAsItIs()
    {
        var resolver = new EndpointResolver(
            (name, _) =>
                name switch
                {
                    "one" => Task.FromResult(new[] { IPAddress.Parse("10.0.0.1") }),
                    "two" => Task.FromResult(new[] { IPAddress.Parse("10.0.0.3"), IPAddress.Parse("10.0.0.2") }),
                    _ => Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound)),
                }
        );
        var config = Compile(
            new BackendConfig
            {
                Name = "b",
                Addresses =
                [
                    .. new[] { "one:1", "two:2", "none:3", "10.0.0.4:4" }.Select(address => new AddressConfig { Address = address }),
                ],
            }
        );
        (await resolver.ResolveAsync(config, CancellationToken.None))!
            .Select(endpoint => (endpoint.Id, endpoint.Address.ToString()))
            .ShouldBe([("one:1", "10.0.0.1"), ("10.0.0.2:2", "10.0.0.2"), ("10.0.0.3:2", "10.0.0.3"), ("10.0.0.4:4", "10.0.0.4")]);

        var pushed = await resolver.ResolveAsync(
            [
                new EndpointInfo
                {
                    Id = "pod",
                    Address = "one",
                    Port = 5,
                    Draining = true,
                },
                new EndpointInfo
                {
                    Id = "lost",
                    Address = "none",
                    Port = 5,
                },
            ],
            CancellationToken.None
        );
        pushed.ShouldHaveSingleItem().ShouldBe(new ResolvedEndpoint("pod", IPAddress.Parse("10.0.0.1"), 5, 1, true, Named: true));
    }

    [Fact]
    public async Task Resolve_NothingFound_IsNullSoThatWhatIsKnownStays()
    {
        var resolver = new EndpointResolver((_, _) => Task.FromException<IPAddress[]>(new SocketException((int)SocketError.TryAgain)));
        var config = Compile(
            new BackendConfig
            {
                Name = "b",
                Source = EndpointSource.Pushed,
                DnsName = "b.svc",
                DnsPort = 80,
            }
        );
        (await resolver.ResolveAsync(config, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Resolve_DnsFailsHalfWay_KeepsWhatTheOtherNamesWere()
    {
        SocketError? failure = null;
        var resolver = new EndpointResolver(
            (name, _) =>
                name == "two" && failure is { } error
                    ? Task.FromException<IPAddress[]>(new SocketException((int)error))
                    : Task.FromResult(new[] { IPAddress.Parse(name == "two" ? "10.0.0.2" : "10.0.0.1") })
        );
        var addresses = new[] { "one:80", "two:80" }.Select(address => new AddressConfig { Address = address });
        var config = Compile(new BackendConfig { Name = "b", Addresses = [.. addresses] });
        (await IdsAsync()).ShouldBe(["one:80", "two:80"]);
        failure = SocketError.TryAgain;
        (await IdsAsync()).ShouldBe(["one:80", "two:80"]);
        // That it is no more is an answer.
        failure = SocketError.HostNotFound;
        (await IdsAsync()).ShouldBe(["one:80"]);
        failure = SocketError.TryAgain;
        (await IdsAsync()).ShouldBe(["one:80"]);

        async Task<IEnumerable<string>> IdsAsync() =>
            (await resolver.ResolveAsync(config, CancellationToken.None))!.Select(endpoint => endpoint.Id);
    }

    [Fact]
    public async Task Resolve_NameThatDnsCannotTake_IsLeftOut()
    {
        // As Dns does with a name that is too long.
        var resolver = new EndpointResolver((name, _) => throw new ArgumentOutOfRangeException(nameof(name)));
        var config = Compile(new BackendConfig { Name = "b", Addresses = [new AddressConfig { Address = "one:1" }] });
        (await resolver.ResolveAsync(config, CancellationToken.None)).ShouldBeNull();
        EndpointInfo[] push =
        [
            new()
            {
                Id = "a",
                Address = new string('x', 300),
                Port = 80,
            },
            new()
            {
                Id = "b",
                Address = "10.0.0.1",
                Port = 80,
            },
        ];
        (await EndpointResolver.System.ResolveAsync(push, CancellationToken.None)).ShouldHaveSingleItem().Id.ShouldBe("b");
    }

    [Fact]
    public async Task Resolve_PushWithWhatCannotBe_LeavesThatOut()
    {
        var good = new EndpointInfo
        {
            Id = "a",
            Address = "10.0.0.1",
            Port = 80,
        };
        EndpointInfo[] push =
        [
            good,
            good with
            {
                Address = "10.0.0.2",
            },
            good with
            {
                Id = "",
            },
            good with
            {
                Id = "b",
                Port = 0,
            },
            good with
            {
                Id = "c",
                Port = 65_536,
            },
            good with
            {
                Id = "d",
                Weight = 0,
            },
            good with
            {
                Id = "e",
                Weight = 257,
            },
            good with
            {
                Id = "f",
                Address = "",
            },
            null!,
        ];
        var resolved = await EndpointResolver.System.ResolveAsync(push, CancellationToken.None);
        resolved.ShouldHaveSingleItem().Address.ShouldBe(IPAddress.Parse("10.0.0.1"));
    }

    private static BackendSnapshot Compile(BackendConfig config) =>
        ConfigCompiler.Compile(new GatewayConfig { Fleet = "a/b", Backends = [config] }, 100).Snapshot!.Backends[0];
}
