using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Api;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Calls of the HTTP API that are several in one.</summary>
public sealed class HubApiTests : IAsyncLifetime
{
    private const int Together = 64;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly List<string> _asked = [];
    private readonly TaskCompletionSource _answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LossyBroker _broker = null!;
    private HubHarness _hub = null!;

    public Task InitializeAsync()
    {
        _hub = new HubHarness(
            HubHarness.Config(new HubNamespaceConfig { Name = "jobs", Queue = new HubQueueConfig() }),
            time => _broker = new LossyBroker(time)
        );
        _broker.OnPublish = channel =>
        {
            lock (_asked)
            {
                _asked.Add(channel);
            }

            return _answers.Task;
        };
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Fact]
    public async Task Broadcast_BrokerTakesItsTime_SomeAreAskedForTogether_AndAnswersAreInOrder()
    {
        var channels = Enumerable.Range(0, 100).Select(static i => $"chat:{i}").ToArray();
        channels[3] = "nowhere:3";
        var answer = CallAsync("broadcast", new { channels, data = 1 });

        Asked().ShouldBe(Together - 1);
        _answers.SetResult();

        var responses = (await answer).GetProperty("result").GetProperty("responses").EnumerateArray().ToList();
        responses.Count.ShouldBe(100);
        responses[3].GetProperty("error").GetProperty("code").GetInt32().ShouldBe(102);
        responses
            .Count(static one => one.TryGetProperty("result", out var result) && result.GetProperty("offset").GetInt32() == 1)
            .ShouldBe(99);
        _asked.ShouldBe([.. channels.Where(static channel => channel != "nowhere:3")]);
    }

    [Theory]
    [InlineData(true, Together)]
    [InlineData(false, 1)]
    public async Task Batch_SaysWhetherItsCallsGoTogether_AnswersAreInOrder(bool parallel, int together)
    {
        var commands = Enumerable
            .Range(0, 70)
            .Select(static i => new Dictionary<string, object>
            {
                [i == 5 ? "nothing" : "publish"] = new { channel = i == 6 ? "" : "chat:a", data = i },
            });
        var answer = CallAsync("batch", new { parallel, commands });

        // Two are mistakes, which ask for nothing.
        Asked().ShouldBe(parallel ? together - 2 : together);
        _answers.SetResult();

        var replies = (await answer).GetProperty("replies").EnumerateArray().ToList();
        replies.Count.ShouldBe(70);
        replies[5].GetProperty("error").GetProperty("code").GetInt32().ShouldBe(104);
        replies[6].GetProperty("error").GetProperty("message").GetString().ShouldBe("channel: is required");
        replies
            .Where(static (_, i) => i is not (5 or 6))
            .Select(static reply => reply.GetProperty("publish").GetProperty("offset").GetInt32())
            .Order()
            .ShouldBe(Enumerable.Range(1, 68));
    }

    [Fact]
    public async Task Batch_ParallelIsNoFlag_IsSaid() =>
        (await CallAsync("batch", new { parallel = 1, commands = Array.Empty<object>() }))
            .GetProperty("error")
            .GetProperty("message")
            .GetString()
            .ShouldBe("parallel: must be true or false");

    [Fact]
    public async Task Batch_WithATagTwice_TakesTheLast()
    {
        _answers.SetResult();
        const string Tags = """{"priority":"x","priority":"2"}""";
        var answer = await CallAsync(
            "batch",
            Encoding.UTF8.GetBytes(
                $$$"""
                {"commands":[
                  {"publish":{"channel":"chat:a","data":1,"tags":{{{Tags}}}}},
                  {"publish":{"channel":"jobs:a","data":1,"tags":{{{Tags}}}}},
                  {"history":{"channel":"chat:a","limit":1}}
                ]}
                """
            )
        );

        var replies = answer.GetProperty("replies").EnumerateArray().ToList();
        replies[1].GetProperty("publish").GetProperty("job").GetInt64().ShouldBe(1);
        var stored = replies[2].GetProperty("history").GetProperty("publications").EnumerateArray().Single();
        stored.GetProperty("tags").EnumerateObject().Single().Value.GetString().ShouldBe("2");
    }

    [Theory]
    [InlineData("""{"channels":["chat:a","jobs:a"],"data":1,"tags":{"priority":"x"}}""", "tags.priority: must be 0 to 9")]
    [InlineData("""{"channels":["jobs:a","chat:a"],"data":1,"skip_history":1}""", "skip_history: must be true or false")]
    public async Task Broadcast_WrongForOneOfItsChannels_IsRefusedBeforeTheFirst(string body, string message)
    {
        _answers.SetResult();
        var answer = await CallAsync("broadcast", Encoding.UTF8.GetBytes(body));

        answer.GetProperty("error").GetProperty("message").GetString().ShouldBe(message);
        _asked.ShouldBeEmpty();
        (await CallAsync("queue_stats", new { channel = "jobs:a" })).GetProperty("result").GetProperty("ready").GetInt64().ShouldBe(0);
    }

    [Fact]
    public async Task Info_CountsEachUserOnce()
    {
        foreach (var token in new[] { _hub.Token("anna"), _hub.Token("ben"), _hub.Token("anna"), null, null })
        {
            _hub.Connect(token);
        }

        var answer = CallAsync("info", new { });
        await Until.TrueAsync(
            () =>
            {
                _hub.Settle();
                return answer.IsCompleted;
            },
            Patience,
            "its loops have answered"
        );
        var node = (await answer).GetProperty("result").GetProperty("nodes").EnumerateArray().Single();
        (node.GetProperty("num_clients").GetInt32(), node.GetProperty("num_users").GetInt32()).ShouldBe((5, 3), "the anonymous are one");
    }

    private int Asked()
    {
        lock (_asked)
        {
            return _asked.Count;
        }
    }

    private Task<JsonElement> CallAsync(string method, object body) => CallAsync(method, JsonSerializer.SerializeToUtf8Bytes(body));

    private async Task<JsonElement> CallAsync(string method, byte[] body)
    {
        var answer = await new HubApi(_hub.Node, new ApiKeys([])).HandleAsync($"/api/{method}", body).AsTask().WaitAsync(Patience);
        return JsonSerializer.Deserialize<JsonElement>(answer.Body.Span);
    }
}
