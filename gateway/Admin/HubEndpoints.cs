using System.Text.Json;
using System.Text.Json.Serialization;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Admin;

/// <summary>A Hub's slow consumers as JSON.</summary>
internal static class HubEndpoints
{
    public static void Map(WebApplication app, IGatewayView view) =>
        app.MapGet(
            "/api/v1/hub/slow",
            async context =>
            {
                var slow = await view.SlowConsumersAsync();
                await AdminServer.WriteAsync(
                    context,
                    new SlowConsumersAnswer(slow),
                    static answer => JsonSerializer.SerializeToUtf8Bytes(answer, HubAdminJson.Default.SlowConsumersAnswer)
                );
            }
        );
}

/// <param name="Clients">Those with the most bytes first, at most <see cref="AnswerMessage.MaxSlowConsumers"/>.</param>
internal sealed record SlowConsumersAnswer(IReadOnlyList<SlowConsumerLoad> Clients);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SlowConsumersAnswer))]
internal sealed partial class HubAdminJson : JsonSerializerContext;
