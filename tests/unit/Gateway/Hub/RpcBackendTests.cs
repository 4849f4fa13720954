using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Rpc;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Who answers RPCs is replaced by a reload.</summary>
public sealed class RpcBackendTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Replaced_TheOneBeforeIsDisposedOf()
    {
        await using var hub = new HubHarness();
        var (first, second) = (new Backend(), new Backend());
        hub.Node.Rpc = first;
        hub.Node.Rpc = second;
        (first.IsDisposed, second.IsDisposed).ShouldBe((true, false));
        hub.Node.Rpc = null;
        second.IsDisposed.ShouldBeTrue();
    }

    [Fact]
    public async Task Disposed_CallUnderWayIsAnswered_AndItsConnectionIsClosed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/";
        using var backend = new HttpRpcBackend(new HubRpcConfig { Url = url, Timeout = TimeSpan.FromSeconds(30) }, TimeProvider.System);
        var calling = backend.CallAsync(new RpcCall("c", "u", "m", "{}"u8.ToArray(), IsJson: true)).AsTask();
        using var accepted = await listener.AcceptSocketAsync().WaitAsync(Limit);
        var buffer = new byte[4096];
        (await accepted.ReceiveAsync(buffer).WaitAsync(Limit)).ShouldBeGreaterThan(0);

        backend.Dispose();

        const string answer = """{"result":{"data":7}}""";
        await accepted.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {answer.Length}\r\n\r\n{answer}"));
        var result = await calling.WaitAsync(Limit);
        result.Error.ShouldBeNull();
        Encoding.UTF8.GetString(result.Data.Span).ShouldBe("7");
        int read;
        do
        {
            // What was left of the request, and then the end.
            read = await accepted.ReceiveAsync(buffer).WaitAsync(Limit);
        } while (read > 0);

        (await backend.CallAsync(new RpcCall("c", "u", "m", [], IsJson: true))).Error.ShouldBe(HubError.Internal);
    }

    private sealed class Backend : IRpcBackend, IDisposable
    {
        public bool IsDisposed { get; private set; }

        public ValueTask<RpcResult> CallAsync(RpcCall call) => throw new NotSupportedException();

        public void Dispose() => IsDisposed = true;
    }
}
