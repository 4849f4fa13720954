using System.Security.Cryptography;
using Mooring.Testing;

namespace Mooring.Conformance.Tests.Hub;

/// <summary>The real program with one Hub listener, and the files it reads.</summary>
internal sealed class HubGateway : IAsyncDisposable
{
    private readonly GatewayBinary _gateway;

    private HubGateway(GatewayBinary gateway, string directory) => (_gateway, Directory) = (gateway, directory);

    public int Port => _gateway.Port;

    public string Directory { get; }

    public static async Task<HubGateway> StartAsync(string keys = "\"hmacSecretFile\": \"{0}/secret\"", string? compression = null)
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("mooring-hub").FullName;
        var (rpc, jwks) = (Ports.Free(), Ports.Free());
        await File.WriteAllTextAsync(Path.Combine(directory, "secret"), "a secret of more than sixteen bytes\n");
        await File.WriteAllTextAsync(Path.Combine(directory, "api-key"), "an-api-key-of-the-tests\n");
        await File.WriteAllTextAsync(Path.Combine(directory, "rpc.port"), $"{rpc}");
        await File.WriteAllTextAsync(Path.Combine(directory, "jwks.port"), $"{jwks}");
        using (var somebody = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            await File.WriteAllTextAsync(Path.Combine(directory, "keys.pem"), somebody.ExportSubjectPublicKeyInfoPem());
        }

        var jwt = "{" + keys.Replace("{0}", directory, StringComparison.Ordinal).Replace("{1}", $"{jwks}", StringComparison.Ordinal) + "}";
        var gateway = await GatewayBinary.ServeAsync(port =>
            $$"""
                {
                  "fleet": "default/conformance",
                  "drain": {"lameDuck": "100ms", "closesPerSecond": 200},
                  "listeners": [{
                    "name": "hub", "protocol": "WebSocket", "port": {{port}},
                    "webSocket": {"mode": "Hub", "hub": {
                      {{(compression is null ? "" : $"\"compression\": {compression},")}}
                      "anonymous": true, "personalNamespace": "chat",
                      "namespaces": [
                        {"name": "chat", "subscribe": "Everyone", "publish": "Users", "readHistory": "Everyone",
                         "history": {"size": 100, "ttl": "5m"} },
                        {"name": "delta", "subscribe": "Everyone", "delta": true, "history": {"size": 100, "ttl": "5m"} },
                        {"name": "presence", "subscribe": "Users", "presence": true, "joinLeave": true, "readPresence": "Subscribers"},
                        {"name": "free", "subscribe": "Everyone", "publish": "Everyone"},
                        {"name": "private"}
                      ],
                      "rpc": {"url": "http://127.0.0.1:{{rpc}}/rpc"},
                      "jwt": {{jwt}},
                      "apiKeyFiles": ["{{directory}}/api-key"]
                    } }
                  }]
                }
                """
        );
        return new HubGateway(gateway, directory);
    }

    public Task TerminateAsync() => _gateway.TerminateAsync();

    public Task<int> ExitAsync() => _gateway.ExitAsync();

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
