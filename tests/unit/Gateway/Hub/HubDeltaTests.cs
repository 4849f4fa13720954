using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Which publications come as what differs from the one before: those whose one before the client has, and no others.</summary>
public sealed class HubDeltaTests
{
    private const string Channel = "delta:a";

    [Fact]
    public async Task Publication_WithoutHistory_TheNextComesWhole()
    {
        await using var hub = new HubHarness(
            HubHarness.Config(
                new HubNamespaceConfig
                {
                    Name = "delta",
                    Subscribe = HubAudience.Everyone,
                    Delta = true,
                    History = new HubHistoryConfig { Size = 10, Ttl = TimeSpan.FromMinutes(5) },
                }
            )
        );
        var session = hub.Connect();
        hub.Ask(session, $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}","delta":"fossil"}}""")
            .GetProperty("subscribe")
            .GetProperty("delta")
            .GetBoolean()
            .ShouldBeTrue();

        hub.Publish(Channel, Data(1));
        hub.Publish(Channel, Data(2));
        var unkept = PublicationParts.Encode(Encoding.UTF8.GetBytes(Data(3)), null, null, 0);
        (await hub.Broker.PublishAsync(Channel, unkept, PublishOptions.None)).Status.ShouldBe(BrokerStatus.Ok);
        hub.Publish(Channel, Data(4));
        hub.Publish(Channel, Data(5));

        hub.Read(session).Select(IsDelta).ShouldBe([false, true, false, false, true]);
    }

    private static string Data(int number) => $$"""{"text":"{{new string('x', 100)}}","number":{{number}}}""";

    private static bool IsDelta(JsonElement push) =>
        push.GetProperty("push").GetProperty("pub").TryGetProperty("delta", out var delta) && delta.GetBoolean();
}
