using System.Text.Json;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Schema;

namespace Mooring.Operator.Validation;

/// <summary>Says everything that is wrong with a fleet. Pure and thread-safe.</summary>
public static class FleetValidator
{
    private static readonly FleetRules Rules = new();

    /// <summary>Checks a fleet from the API server or a file: every field by the schema, then the rules across fields. Empty: it is good.</summary>
    public static IReadOnlyList<FieldError> Validate(ConnectionFleet fleet) => Sort([.. CheckFields(fleet), .. CheckRules(fleet)]);

    /// <summary>Every field by the schema, without the rules across fields.</summary>
    internal static IReadOnlyList<FieldError> CheckFields(ConnectionFleet fleet)
    {
        var spec = JsonSerializer.SerializeToNode(fleet, FleetJson.Default.ConnectionFleet)!["spec"]!.AsObject();
        return Sort([.. SchemaChecker.Check(spec, SchemaBuilder.Fleet.Find("spec")!.Schema, "spec"), .. CheckName(fleet)]);
    }

    /// <summary>What more host mode asks for: no cluster is there to resolve Services or run images.</summary>
    public static IReadOnlyList<FieldError> ValidateForHost(ConnectionFleet fleet)
    {
        var errors = new List<FieldError>();
        if (fleet.Spec.NodeTuning is { Mode: not "Off" })
        {
            errors.Add(new FieldError("spec.nodeTuning", "needs a cluster: on a single machine run 'gateway tune-node --settings FILE'"));
        }

        if (fleet.Spec.Observability?.Geoip?.ConfigMapRef is not null)
        {
            errors.Add(new FieldError("spec.observability.geoip.configMapRef", "needs a cluster: host mode takes databasePath"));
        }

        if (fleet.Spec.Scaling is { Driver: ScalingDrivers.HorizontalPodAutoscaler })
        {
            errors.Add(new FieldError("spec.scaling.driver", "needs a cluster: host mode takes Operator, or External"));
        }

        foreach (var (index, backend) in fleet.Spec.Backends.Index())
        {
            if (backend.ServiceRef is not null)
            {
                errors.Add(
                    new FieldError($"spec.backends[{index}].serviceRef", "needs a cluster: host mode takes addresses or a workload")
                );
            }

            if (backend.Workload is { Command.Count: 0 })
            {
                errors.Add(new FieldError($"spec.backends[{index}].workload.command", "required in host mode: it is the process to run"));
            }
        }

        return errors;
    }

    /// <summary>The rules across fields, without the schema.</summary>
    internal static IEnumerable<FieldError> CheckRules(ConnectionFleet fleet) =>
        Rules
            .Validate(fleet.Spec)
            .Errors.Select(failure => new FieldError(
                FieldPath.FromProperties("spec", failure.PropertyName.TrimEnd('.')),
                failure.ErrorMessage
            ));

    internal static IEnumerable<FieldError> CheckName(ConnectionFleet fleet)
    {
        if (string.IsNullOrEmpty(fleet.Metadata.Name))
        {
            yield return new FieldError("metadata.name", "required");
        }
        else if (fleet.Metadata.Name.Length > 63)
        {
            yield return new FieldError("metadata.name", "must be at most 63 characters, because the fleet's label holds it");
        }
    }

    /// <summary>One error a field and message, in the order of the fields.</summary>
    internal static List<FieldError> Sort(IEnumerable<FieldError> errors) =>
        errors.Distinct().OrderBy(error => error.Line ?? 0).ThenBy(error => error.Path, NaturalOrder.Instance).ToList();
}
