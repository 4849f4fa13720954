using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Stream;

namespace Mooring.Benchmarks.Operator;

/// <summary>A gateway's end of the stream, as the gateway's own: TLS, its pod's token, hello, reports at the pace of gateways at rest, an ack for each config.</summary>
internal sealed class StandInGateway(GatewayPod pod, string token, StandInGateways all)
{
    // As StreamDialer's.
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(10);
    private static readonly ReportMessage Report = new()
    {
        State = GatewayState.Serving,
        Connections = 0,
        Capacity = 10_000,
        ResidentBytes = 60_000_000,
    };
    private static readonly byte[] ReportJson = JsonSerializer.SerializeToUtf8Bytes<GatewayMessage>(
        Report,
        ContractsJson.Default.GatewayMessage
    );
    private string? _hash;
    private TimeSpan _quiet;
    private long _spokenTo = -1;

    public GatewayPod Pod => pod;

    /// <summary>Dials and speaks until stopped, as a gateway: with growing pauses, and each time to whoever the Service leads to.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        var failures = 0;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                using var socket = await DialAsync(stopping);
                failures = 0;
                await SpeakAsync(socket, stopping);
            }
            catch (Exception error)
                when (error is WebSocketException or HttpRequestException or IOException or OperationCanceledException or SocketException)
            {
                // Refused, or the operator is gone.
            }

            var bound = TimeSpan.FromMilliseconds(200) * (1 << Math.Min(failures++, 6));
            bound = bound < all.LongestPause ? bound : all.LongestPause;
            await Task.Delay(bound * Random.Shared.NextDouble(), stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<ClientWebSocket> DialAsync(CancellationToken stopping)
    {
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol(StreamLimits.Subprotocol);
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = KeepAlive;
            socket.Options.KeepAliveTimeout = LongestAnswer;
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            limit.CancelAfter(TimeSpan.FromSeconds(10));
            await socket.ConnectAsync(OperatorUnderTest.StreamUrl, all.Invoker, limit.Token);
            _quiet = StreamLimits.QuietInterval(
                socket.HttpResponseHeaders?.GetValueOrDefault(StreamLimits.SilenceHeader)?.FirstOrDefault()
            );
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task SpeakAsync(ClientWebSocket socket, CancellationToken stopping)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await SendAsync(
            socket,
            JsonSerializer.SerializeToUtf8Bytes<GatewayMessage>(
                new HelloMessage
                {
                    Fleet = $"{pod.Namespace}/{pod.Fleet}",
                    Gateway = pod.Name,
                    Version = "1.0.0",
                    ConfigHash = _hash,
                    ProcessId = 1,
                },
                ContractsJson.Default.GatewayMessage
            ),
            end.Token
        );
        // One sender at a time: an ack and a report may meet.
        using var sending = new SemaphoreSlim(1);
        var reporting = ReportAsync(socket, sending, end.Token);
        try
        {
            await ReceiveAsync(socket, sending, end.Token);
        }
        finally
        {
            await end.CancelAsync();
            await reporting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReportAsync(ClientWebSocket socket, SemaphoreSlim sending, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(StreamLimits.ReportInterval);
        var pace = new ReportPace(_quiet);
        do
        {
            if (Volatile.Read(ref _spokenTo) is >= 0 and var spokenTo)
            {
                pace.SpokenTo(new TimeSpan(spokenTo));
            }

            if (pace.Take(Report, all.Clock.Elapsed))
            {
                await sending.WaitAsync(cancellation);
                await SendAsync(socket, ReportJson, cancellation);
                sending.Release();
            }
        } while (await timer.WaitForNextTickAsync(cancellation));
    }

    private async Task ReceiveAsync(ClientWebSocket socket, SemaphoreSlim sending, CancellationToken cancellation)
    {
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                if (length == buffer.Length)
                {
                    Array.Resize(ref buffer, buffer.Length * 2);
                }

                part = await socket.ReceiveAsync(buffer.AsMemory(length), cancellation);
                length += part.Count;
            } while (!part.EndOfMessage);

            if (part.MessageType == WebSocketMessageType.Close)
            {
                return;
            }

            Volatile.Write(ref _spokenTo, all.Clock.Elapsed.Ticks);
            if (JsonSerializer.Deserialize(buffer.AsSpan(0, length), ContractsJson.Default.OperatorMessage) is ConfigMessage config)
            {
                _hash = config.Hash;
                await sending.WaitAsync(cancellation);
                await SendAsync(
                    socket,
                    JsonSerializer.SerializeToUtf8Bytes<GatewayMessage>(
                        new AckMessage { Hash = config.Hash, Accepted = true },
                        ContractsJson.Default.GatewayMessage
                    ),
                    cancellation
                );
                sending.Release();
                all.Acknowledged(pod, config);
            }
        }
    }

    private static ValueTask SendAsync(ClientWebSocket socket, byte[] message, CancellationToken cancellation) =>
        socket.SendAsync(message.AsMemory(), WebSocketMessageType.Text, true, cancellation);
}

/// <summary>All gateways of all fleets.</summary>
internal sealed class StandInGateways : IDisposable
{
    private readonly ApiSession _api;
    private readonly Func<IReadOnlyList<int>> _ports;
    private readonly Lazy<Task<HttpMessageInvoker>> _first;
    private readonly Lock _lock = new();
    private readonly List<(GatewayPod Pod, int PerAddress, long At)> _acks = [];
    private SocketsHttpHandler? _handler;
    private int _next;

    /// <param name="ports">Of the operators that run: the Service before them leads to one that listens.</param>
    public StandInGateways(ApiSession api, Func<IReadOnlyList<int>> ports)
    {
        (_api, _ports) = (api, ports);
        _first = new Lazy<Task<HttpMessageInvoker>>(CreateInvokerAsync);
    }

    /// <summary>That of the gateways.</summary>
    public System.Diagnostics.Stopwatch Clock { get; } = System.Diagnostics.Stopwatch.StartNew();

    public HttpMessageInvoker Invoker => _first.Value.Result;

    /// <summary>As the gateway's own.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Gets the pod its token, as a kubelet does, and has it speak from then on.</summary>
    public async Task StartAsync(GatewayPod pod, CancellationToken stopping)
    {
        await _first.Value;
        using var review = await _api.CreateAsync(
            $"/api/v1/namespaces/{pod.Namespace}/serviceaccounts/{pod.Account}/token",
            $$$"""
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"audiences": ["{{{StreamLimits.TokenAudience}}}"], "expirationSeconds": 3600,
                      "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "{{{pod.Name}}}", "uid": "{{{pod.Uid}}}"} } }
            """,
            stopping
        );
        var token = review.RootElement.GetProperty("status").GetProperty("token").GetString()!;
        _ = new StandInGateway(pod, token, this).RunAsync(stopping);
    }

    public void Acknowledged(GatewayPod pod, ConfigMessage config)
    {
        if (pod.Fleet == BenchFleets.Wide)
        {
            var at = System.Diagnostics.Stopwatch.GetTimestamp();
            lock (_lock)
            {
                _acks.Add((pod, config.Config.Capacity.PerAddress, at));
            }
        }
    }

    /// <summary>When each gateway of the wide fleet has acknowledged a limit, on <see cref="System.Diagnostics.Stopwatch"/>'s clock.</summary>
    public IReadOnlyList<long> Acks(int perAddress)
    {
        lock (_lock)
        {
            return [.. _acks.Where(ack => ack.PerAddress == perAddress).Select(static ack => ack.At)];
        }
    }

    public void Dispose() => _handler?.Dispose();

    private async Task<HttpMessageInvoker> CreateInvokerAsync()
    {
        using var map = await _api.GetAsync(
            $"/api/v1/configmaps?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmooring&limit=1",
            CancellationToken.None
        );
        var trusted = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trusted.CustomTrustStore.ImportFromPem(
            map.RootElement.GetProperty("items")[0].GetProperty("data").GetProperty("ca.crt").GetString()!
        );
        _handler = new SocketsHttpHandler
        {
            // Each gateway is a process of its own: none resumes another's session.
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = trusted, AllowTlsResume = false },
            ConnectCallback = async (_, cancellation) =>
            {
                var ports = _ports();
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    StreamSockets.Watch(socket);
                    await socket.ConnectAsync(IPAddress.Loopback, ports[Interlocked.Increment(ref _next) % ports.Count], cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        return new HttpMessageInvoker(_handler);
    }
}
