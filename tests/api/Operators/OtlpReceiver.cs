using System.Collections.Concurrent;
using System.Text;
using Mooring.Testing;
using static Mooring.Testing.ProtobufWire;

namespace Mooring.Api.Tests.Operators;

/// <summary>One span as it came.</summary>
internal sealed record ReceivedSpan(
    string Trace,
    string Id,
    string Parent,
    string Name,
    IReadOnlyDictionary<string, string> Tags,
    string Service
);

/// <summary>A collector of traces: OTLP over HTTP, in protobuf.</summary>
internal sealed class OtlpReceiver() : OtlpCollector("/v1/traces")
{
    public ConcurrentQueue<ReceivedSpan> Spans { get; } = new();

    /// <summary>ExportTraceServiceRequest: opentelemetry/proto/collector/trace/v1/trace_service.proto, trace/v1/trace.proto, common/v1/common.proto.</summary>
    protected override void Read(byte[] request)
    {
        foreach (var resourceSpans in Fields(request, 1))
        {
            var service = Fields(resourceSpans, 1)
                .SelectMany(static resource => Fields(resource, 1))
                .Select(Tag)
                .FirstOrDefault(static tag => tag.Key == "service.name")
                .Value;
            foreach (var span in Fields(resourceSpans, 2).SelectMany(static scope => Fields(scope, 2)))
            {
                Spans.Enqueue(
                    new ReceivedSpan(
                        Hex(span, 1),
                        Hex(span, 2),
                        Hex(span, 4),
                        Encoding.UTF8.GetString(Fields(span, 5).Single()),
                        Fields(span, 9).Select(Tag).ToDictionary(static tag => tag.Key, static tag => tag.Value),
                        service
                    )
                );
            }
        }
    }

    private static KeyValuePair<string, string> Tag(byte[] pair)
    {
        var value = Fields(pair, 2).Single();
        var text = Fields(value, 1).FirstOrDefault();
        return new(
            Encoding.UTF8.GetString(Fields(pair, 1).Single()),
            text is null ? $"{Numbers(value, 3).Select(static number => (ulong?)number).FirstOrDefault()}" : Encoding.UTF8.GetString(text)
        );
    }

    private static string Hex(byte[] message, int field) =>
        Fields(message, field).FirstOrDefault() is { } bytes ? Convert.ToHexString(bytes) : "";
}
