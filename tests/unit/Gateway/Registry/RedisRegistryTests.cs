using System.Net;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Redis;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>One redis-server for all tests of a class.</summary>
public sealed class SharedRedis : IAsyncLifetime
{
    private RedisServer? _server;

    public RedisServer Server => _server!;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}

public sealed class RedisRegistryTests(SharedRedis redis) : FleetRegistryTests, IClassFixture<SharedRedis>
{
    private protected override IFleetRegistry Create(string fleet) =>
        new RedisRegistry(fleet, Settings(redis.Server.Port), new RegistryCounters(), TimeProvider.System);

    internal static RedisSettings Settings(params int[] ports) =>
        new() { Addresses = [.. ports.Select(port => new DnsEndPoint("127.0.0.1", port))] };
}
