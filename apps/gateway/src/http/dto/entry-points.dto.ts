import { ApiProperty, ApiSchema } from '@nestjs/swagger';

@ApiSchema({ name: 'EntryPointLinks' })
class EntryPointLinksDto {
  @ApiProperty({ type: 'string', description: 'Topics: list, create, produce, fetch.' })
  readonly topics!: string;

  @ApiProperty({ type: 'string', description: 'WebSocket: subscribe and publish.' })
  readonly webSocket!: string;

  @ApiProperty({ type: 'string', description: 'Brokers of the cluster.' })
  readonly cluster!: string;

  @ApiProperty({ type: 'string', description: 'Page that shows a topic live.' })
  readonly try!: string;

  @ApiProperty({ type: 'string', description: 'Page with every operation.' })
  readonly docs!: string;

  @ApiProperty({ type: 'string', description: 'OpenAPI document of the HTTP API.' })
  readonly openapi!: string;

  @ApiProperty({ type: 'string', description: 'AsyncAPI document of the WebSocket.' })
  readonly asyncapi!: string;

  @ApiProperty({ type: 'string', description: 'Liveness: the process runs.' })
  readonly live!: string;

  @ApiProperty({ type: 'string', description: 'Readiness: the broker serves requests.' })
  readonly ready!: string;

  @ApiProperty({ type: 'string', description: "Metrics in Prometheus' text format." })
  readonly metrics!: string;
}

@ApiSchema({ name: 'EntryPoints' })
export class EntryPointsDto {
  @ApiProperty({ type: 'string', enum: ['Sluice'] })
  readonly name!: 'Sluice';

  @ApiProperty({ type: EntryPointLinksDto, description: 'Paths at this address.' })
  readonly links!: EntryPointLinksDto;
}
