using System.Text.Json;
using Mooring.Contracts;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>Health, circuit breakers and queues of each gateway's backends as JSON: what <c>/backends</c> of a gateway's admin side shows.</summary>
internal static class HostBackends
{
    public static byte[] Write(IEnumerable<FleetView> views)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartArray("gateways");
            foreach (var gateway in views.SelectMany(static view => view.Gateways).Where(static gateway => gateway.Report is not null))
            {
                json.WriteStartObject();
                json.WriteString("fleet", gateway.Hello.Fleet);
                json.WriteString("gateway", gateway.Name);
                json.WriteStartArray("backends");
                foreach (var backend in gateway.Report!.Backends)
                {
                    JsonSerializer.Serialize(json, backend, ContractsJson.Default.BackendLoad);
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return body.ToArray();
    }
}
