using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Tests.Hub;

public sealed class SubscriptionListTests
{
    [Fact]
    public async Task AddsAndRemoves_HoldWhatAModelHolds()
    {
        await using var hub = new HubHarness();
        var session = hub.Open();
        var random = new Random(11);
        var list = default(SubscriptionList);
        var model = new List<HubSubscription>();
        for (var step = 0; step < 5_000; step++)
        {
            // Grows to some hundred and back to nothing, again and again.
            if (model.Count == 0 || random.Next(100) < (step / 250 % 2 == 0 ? 70 : 30))
            {
                var subscription = new HubSubscription(
                    session,
                    new LoopChannel($"chat:{step}"),
                    hub.Node.Options.Find("chat:a")!,
                    new SubscriptionStart()
                );
                list.Add(subscription);
                model.Add(subscription);
            }
            else
            {
                var at = random.Next(model.Count);
                var last = at == model.Count - 1 ? null : model[^1];
                list.RemoveAt(at).ShouldBeSameAs(last);
                model[at] = model[^1];
                model.RemoveAt(model.Count - 1);
            }

            list.Count.ShouldBe(model.Count);
            list.Items.SequenceEqual([.. model]).ShouldBeTrue();
        }
    }
}
