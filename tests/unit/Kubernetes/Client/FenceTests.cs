using Mooring.Kubernetes.Client;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class FenceTests : IAsyncLifetime
{
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = Widgets.Client(_api);
        _api.Put(Collection, Json("a"));
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task AfterItsTerm_NothingIsWritten_AndEverythingRead()
    {
        _client.MayWrite = static () => false;

        await Should.ThrowAsync<HttpRequestException>(_client.CreateAsync(Kind, Make("b")));
        await Should.ThrowAsync<HttpRequestException>(_client.ReplaceAsync(Kind, Make("a")));
        await Should.ThrowAsync<HttpRequestException>(_client.PatchAsync(Kind, "ns", "a", Patch.Merge("{}")));
        await Should.ThrowAsync<HttpRequestException>(_client.ApplyAsync(Kind, Make("a")));
        await Should.ThrowAsync<HttpRequestException>(_client.DeleteAsync(Kind, "ns", "a"));

        _api.Requests.ShouldBeEmpty();
        (await _client.FindAsync(Kind, "ns", "a")).ShouldNotBeNull();
        (await _client.ListAsync(Kind, "ns")).Items.Count.ShouldBe(1);
    }

    [Fact]
    public async Task TermThatEndsWhileARequestIsTriedAgain_EndsTheTrying()
    {
        var asked = 0;
        _client.MayWrite = () => Interlocked.Increment(ref asked) == 1;
        _api.AddFault(
            new Fault
            {
                Status = 429,
                Reason = "TooManyRequests",
                Times = int.MaxValue,
            }
        );

        await Should.ThrowAsync<HttpRequestException>(_client.CreateAsync(Kind, Make("b")));

        _api.Requests.Count.ShouldBe(1);
    }
}
