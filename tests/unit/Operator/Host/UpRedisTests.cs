using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Mooring.Operator.Host.Processes;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Operator.Tests.Host;

/// <summary>Several gateway processes of a host that share a limit: real processes, and a real redis-server that the supervisor starts.</summary>
public sealed partial class UpRedisTests
{
    [Fact]
    public async Task Up_FleetLimit_HoldsOverTheGatewaysAndThroughTheDeathOfRedis()
    {
        await using var up = new UpProcess(Manifest);
        await up.ReadyAsync();
        await up.UntilAsync(static fleet => Registry(fleet) == "True", "the registry is connected");
        var redis = RedisProcess(up);

        var clients = new List<TcpClient>();
        while (clients.Count < 40)
        {
            // Who is refused comes again, as clients do: a gateway that has used its share up needs a moment to lease more.
            clients.AddRange(await AddAsync(up, 40 - clients.Count));
            up.Deadline.ThrowIfCancellationRequested();
        }

        (await AddAsync(up, 20)).ShouldBeEmpty("the limit is reached");

        Libc.Kill(redis, Libc.SigKill).ShouldBe(0);
        await up.UntilAsync(() => up.Errors.Contains("redis") && RedisProcess(up) != redis, "another redis");
        await up.UntilAsync(static fleet => Registry(fleet) == "True", "the registry is connected again");
        foreach (var client in clients)
        {
            (await up.EchoesAsync(client)).ShouldBeTrue();
        }

        (await AddAsync(up, 20)).ShouldBeEmpty("an empty Redis gives nothing that others hold");
        clients.ForEach(static client => client.Dispose());

        up.Signal(15);
        (await up.ExitAsync()).ShouldBe(0);
        UpProcess.Runs(RedisProcess(up)).ShouldBeFalse();
        up.Children.Where(UpProcess.Runs).ShouldBeEmpty();
    }

    /// <summary>One gateway has nobody to share with; but the load may make it several at any time.</summary>
    [Fact]
    public async Task Up_OneGatewayThatTheLoadMayMakeSeveral_SharesFromTheBeginning()
    {
        // In a directory whose name has to be quoted.
        var folder = Directory.CreateTempSubdirectory("mooring \"state\" \\ ");
        await using var up = new UpProcess(
            static up =>
                Manifest(up).Replace("replicas: 2", "replicas: 1", StringComparison.Ordinal)
                + "\n  scaling: {driver: Operator, minReplicas: 1, maxReplicas: 3}\n",
            "--state-dir",
            Path.Combine(folder.FullName, "s")
        );
        await up.ReadyAsync();

        await up.UntilAsync(static fleet => Registry(fleet) == "True", "the registry is connected").WaitAsync(TimeSpan.FromSeconds(60));

        up.Fleet!.Gateways.ShouldHaveSingleItem();
        up.Signal(15);
        (await up.ExitAsync()).ShouldBe(0);
        folder.Delete(recursive: true);
    }

    /// <summary>Ten connections of a user are ten on all gateways together.</summary>
    [Fact]
    public async Task Up_LimitsOfUsers_AreSharedToo()
    {
        await using var up = new UpProcess(static up =>
            Manifest(up)
                .Replace("    capacity:\n      fleetConnections: 40\n", "", StringComparison.Ordinal)
                .Replace(
                    "protocol: TCP,",
                    "protocol: WebSocket, webSocket: {identity: {user: {from: Header, name: X-User}}},",
                    StringComparison.Ordinal
                )
        );
        await up.ReadyAsync();

        await up.UntilAsync(static fleet => Registry(fleet) == "True", "the registry is connected").WaitAsync(TimeSpan.FromSeconds(60));

        up.Fleet!.Gateways.Count.ShouldBe(2);
        up.Signal(15);
        (await up.ExitAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Up_RegistryOfTheManifest_TlsAndPasswordFromSecrets()
    {
        var folder = Directory.CreateTempSubdirectory("mooring-registry-");
        try
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=redis", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
            using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(2));
            var (pem, keyFile) = (Path.Combine(folder.FullName, "redis.crt"), Path.Combine(folder.FullName, "redis.key"));
            await File.WriteAllTextAsync(pem, certificate.ExportCertificatePem());
            await File.WriteAllTextAsync(keyFile, key.ExportPkcs8PrivateKeyPem());
            var port = 0;
            await using var redis = await RedisServer.StartAsync(() =>
                [
                    "--tls-port",
                    $"{port = Ports.Free()}",
                    "--tls-auth-clients",
                    "no",
                    "--tls-cert-file",
                    pem,
                    "--tls-key-file",
                    keyFile,
                    "--tls-ca-cert-file",
                    pem,
                    "--requirepass",
                    "open-sesame",
                ]
            );
            await using var up = new UpProcess(process => SecuredManifest(process, port, certificate.ExportCertificatePem()));
            await up.ReadyAsync();
            await up.UntilAsync(static fleet => Registry(fleet) == "True", "the registry is connected");
            (await redis.CliAsync("-a", "open-sesame", "HLEN", "mooring:{default/limited}:gateways")).ShouldEndWith("1");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string SecuredManifest(UpProcess up, int redis, string certificate) =>
        $$"""
            apiVersion: v1
            kind: Secret
            metadata: {name: redis}
            stringData:
              password: open-sesame
              ca.crt: |
                {{certificate.ReplaceLineEndings("\n    ")}}
            ---
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: limited}
            spec:
              gateway:
                replicas: 1
                capacity:
                  fleetConnections: 40
              registry:
                redis:
                  addresses: ['127.0.0.1:{{redis}}']
                  passwordRef: {name: redis, key: password}
                  tls: {caRef: {name: redis, key: ca.crt} }
              listeners:
              - {name: edge, protocol: TCP, port: {{up.TcpPort}}, backend: echo}
              backends:
              - name: echo
                workload: {image: unused, command: [gateway, bench, echo], replicas: 1}
            """;

    private static string? Registry(Mooring.Operator.Dashboard.FleetOverview fleet) =>
        fleet.Conditions.FirstOrDefault(condition => condition.Type == "RegistryConnected")?.Status;

    /// <summary>Those of so many new clients that are served.</summary>
    private static async Task<List<TcpClient>> AddAsync(UpProcess up, int count)
    {
        var served = new List<TcpClient>();
        for (var i = 0; i < count; i++)
        {
            var client = await up.ConnectAsync();
            if (await up.EchoesAsync(client))
            {
                served.Add(client);
            }
            else
            {
                client.Dispose();
            }
        }

        return served;
    }

    private static int RedisProcess(UpProcess up) => int.Parse(Started().Matches(up.Errors)[^1].Groups[1].ValueSpan);

    [GeneratedRegex(@"redis \(process ([0-9]+)\) on")]
    private static partial Regex Started();

    private static string Manifest(UpProcess up) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: limited}
            spec:
              gateway:
                replicas: 2
                capacity:
                  fleetConnections: 40
              listeners:
              - {name: edge, protocol: TCP, port: {{up.TcpPort}}, backend: echo}
              backends:
              - name: echo
                workload: {image: unused, command: [gateway, bench, echo], replicas: 1}
            """;
}
